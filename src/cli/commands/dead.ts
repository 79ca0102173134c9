/** `millrace dead`: lists the dead letters with their last errors. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption, addFilterOptions, readFilter, type FilterFlags } from '../job-filter.ts'
import { queueHint } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { wholeNumber } from '../option-values.ts'
import { errorLine } from '../output/job-text.ts'
import { formatTable } from '../output/table.ts'
import { relativeText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'
import { tellPage } from '../tell-page.ts'

interface DeadOptions extends DataOptions, Omit<FilterFlags, 'state'> {
  readonly search?: string | undefined
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

/** Makes the command. */
export function deadCommand(launch: Launch): Command {
  const command = new Command('dead').description('list the dead letters: failed jobs with their last error')
  return addDatabaseOption(addFilterOptions(command, { hasState: false }))
    .option('--search <text>', 'whose args contain this text')
    .option('--limit <n>', 'at most this many, 1 to 1000 (default: 50)', wholeNumber)
    .option('--after <cursor>', 'go on where a page ended')
    .action((options: DeadOptions) => launch((session) => listDead(session, options)))
}

async function listDead(session: Session, options: DeadOptions): Promise<ExitCode> {
  const { terminal, clock } = session
  return withDataRunner(session, options, async (open) => {
    const { queue, name, key, tag } = readFilter(options)
    const { search, limit, after } = options
    const page = await open.runner.dead.list({ queue, name, key, tag, search, limit, after })
    terminal.printJson({ ...page })
    if (page.jobs.length > 0) {
      const columns = [
        { title: 'ID' },
        { title: 'NAME' },
        { title: 'QUEUE' },
        { title: 'ATTEMPTS', align: 'right' as const },
        { title: 'FAILED' },
        { title: 'ERROR', paint: terminal.colors.red },
      ]
      const rows = page.jobs.map((job) => [
        job.id,
        job.name,
        job.queue,
        `${job.attempt}/${job.maxAttempts}`,
        job.endedAt === null ? '' : relativeText(job.endedAt.getTime(), clock.now()),
        job.error === null ? '' : errorLine(job.error),
      ])
      const style = { width: terminal.width, paintHeader: terminal.colors.dim }
      terminal.print(...formatTable(columns, rows, style))
      terminal.say('see one with: millrace show <id>    run it again with: millrace retry <id>')
    } else {
      terminal.say((await queueHint(open, options.queue)) ?? 'no dead letters')
    }
    tellPage(terminal, page)
    return EXIT.ok
  })
}
