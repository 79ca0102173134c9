/** `millrace ls`: lists jobs, newest first. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption, addFilterOptions, readFilter, type FilterFlags } from '../job-filter.ts'
import { queueHint } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { wholeNumber } from '../option-values.ts'
import { jobColumns, jobRow } from '../output/job-text.ts'
import { formatTable } from '../output/table.ts'
import type { Launch, Session } from '../session.ts'
import { tellPage } from '../tell-page.ts'

interface LsOptions extends DataOptions, FilterFlags {
  readonly search?: string | undefined
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

/** Makes the command. */
export function lsCommand(launch: Launch): Command {
  const command = new Command('ls').description('list jobs, newest first')
  return addDatabaseOption(addFilterOptions(command, { hasState: true }))
    .option('--search <text>', 'whose args contain this text')
    .option('--limit <n>', 'at most this many, 1 to 1000 (default: 50)', wholeNumber)
    .option('--after <cursor>', 'go on where a page ended')
    .action((options: LsOptions) => launch((session) => list(session, options)))
}

async function list(session: Session, options: LsOptions): Promise<ExitCode> {
  const { terminal, clock } = session
  return withDataRunner(session, options, async (open) => {
    const { search, limit, after } = options
    const page = await open.runner.list({ ...readFilter(options), search, limit, after })
    terminal.printJson({ ...page })
    if (page.jobs.length > 0) {
      const rows = page.jobs.map((job) => jobRow(job, clock.now()))
      const style = { width: terminal.width, paintHeader: terminal.colors.dim }
      terminal.print(...formatTable(jobColumns(terminal.colors), rows, style))
    } else {
      terminal.say((await queueHint(open, options.queue)) ?? 'no job matches')
    }
    tellPage(terminal, page)
    return EXIT.ok
  })
}
