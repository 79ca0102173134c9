/** `millrace dead`: lists the dead letters, groups them, and retries, drops and exports them. */

import { once } from 'node:events'
import { createWriteStream } from 'node:fs'

import { Command } from 'commander'

import { CliError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption, addFilterOptions, readFilter, type FilterFlags } from '../job-filter.ts'
import { queueHint } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { readOperator } from '../operator-options.ts'
import { rate, wholeNumber } from '../option-values.ts'
import { errorLine } from '../output/job-text.ts'
import { formatTable } from '../output/table.ts'
import { relativeText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'
import { tellPage } from '../tell-page.ts'
import { bulkCommand, type BulkVerb } from './bulk.ts'
import { groupsCommand } from './errors.ts'

interface DeadOptions extends DataOptions, Omit<FilterFlags, 'state'> {
  readonly search?: string | undefined
  readonly limit?: number | undefined
  readonly after?: string | undefined
}

const RETRY: BulkVerb = {
  name: 'dead retry',
  done: 'retried',
  description: 'run dead letters again: some, a group, or all that match',
  states: ['failed'],
  call: async (runner, target, flags) => {
    const options = { ...readOperator(flags), rate: flags.rate }
    const { retried, skipped, lastInMs } = await runner.dead.retry(withoutState(target), options)
    return { changed: retried, skipped, lastInMs: flags.rate === undefined ? undefined : lastInMs }
  },
}

const DROP: BulkVerb = {
  name: 'dead drop',
  done: 'dropped',
  description: 'remove dead letters, and all that is kept of them',
  states: ['failed'],
  call: async (runner, target, flags) => {
    const { dropped, skipped } = await runner.dead.drop(withoutState(target), readOperator(flags))
    return { changed: dropped, skipped }
  },
}

/** Makes the command. */
export function deadCommand(launch: Launch): Command {
  const command = new Command('dead').description('list the dead letters: failed jobs with their last error')
  const list = new Command('list').description('list them, newest first (the default)')
  command.addCommand(
    addDatabaseOption(addFilterOptions(list, { hasState: false }))
      .option('--search <text>', 'whose args contain this text')
      .option('--limit <n>', 'at most this many, 1 to 1000 (default: 50)', wholeNumber)
      .option('--after <cursor>', 'go on where a page ended')
      .action((options: DeadOptions) => launch((session) => listDead(session, options))),
    { isDefault: true },
  )
  command.addCommand(
    groupsCommand(launch, {
      name: 'groups',
      description: 'count them by job and by error, whatever numbers and names are in its message',
      read: (runner, filter) => runner.dead.groups(filter),
      hint: 'run a group again with: millrace dead retry --fingerprint <digits> --rate 50/1s',
    }),
  )
  const retry = bulkCommand(launch, RETRY, { hasState: false })
  command.addCommand(retry.option('--rate <n/time>', 'so many in so much time, such as 50/1s or 300/m', rate))
  command.addCommand(bulkCommand(launch, DROP, { hasState: false }))
  const exporting = new Command('export').description('write them as JSON, one in each line')
  command.addCommand(
    addDatabaseOption(addFilterOptions(exporting, { hasState: false }))
      .option('--search <text>', 'whose args contain this text')
      .option('--out <file>', 'a new file to write to (default: standard output)')
      .action((options: ExportOptions) => launch((session) => exportDead(session, options))),
  )
  return command
}

function withoutState<Target>(target: Target): Target {
  return typeof target === 'object' ? { ...target, state: undefined } : target
}

async function listDead(session: Session, options: DeadOptions): Promise<ExitCode> {
  const { terminal, clock } = session
  return withDataRunner(session, options, async (open) => {
    const { search, limit, after } = options
    const page = await open.runner.dead.list({ ...withoutState(readFilter(options)), search, limit, after })
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
        relativeText(job.endedAt.getTime(), clock.now()),
        errorLine(job.error),
      ])
      const style = { width: terminal.width, paintHeader: terminal.colors.dim }
      terminal.print(...formatTable(columns, rows, style))
      terminal.say('see one with: millrace show <id>    run it again with: millrace dead retry <id>')
    } else {
      terminal.say((await queueHint(open, options.queue)) ?? 'no dead letters')
    }
    tellPage(terminal, page)
    return EXIT.ok
  })
}

interface ExportOptions extends DataOptions, Omit<FilterFlags, 'state'> {
  readonly search?: string | undefined
  readonly out?: string | undefined
}

async function exportDead(session: Session, options: ExportOptions): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, options, async ({ runner }) => {
    const { search, out } = options
    const lines = runner.dead.export({ ...withoutState(readFilter(options)), search })
    let count = 0
    if (out === undefined) {
      for await (const line of lines) {
        if (!(await terminal.printLine(line))) break
        count += 1
      }
    } else {
      count = await writeLines(out, lines)
      terminal.printJson({ exported: count, file: out })
    }
    terminal.say(`exported ${count} ${count === 1 ? 'dead letter' : 'dead letters'}`)
    return EXIT.ok
  })
}

/** Writes to a file that is not there yet: an export that is overwritten may be the only one. */
async function writeLines(path: string, lines: AsyncIterable<string>): Promise<number> {
  const file = createWriteStream(path, { flags: 'wx' })
  let count = 0
  try {
    await once(file, 'open')
    for await (const line of lines) {
      count += 1
      if (!file.write(line)) await once(file, 'drain')
    }
    file.end()
    await once(file, 'close')
    return count
  } catch (error) {
    file.destroy()
    const reason = error instanceof Error ? error.message : String(error)
    const isThere = error instanceof Error && 'code' in error && error.code === 'EEXIST'
    throw new CliError(
      isThere ? `${path} is there already` : `writing ${path} failed after ${count} lines: ${reason}`,
      {
        exitCode: isThere ? EXIT.refused : EXIT.failed,
        ...(isThere ? { hint: 'name another file' } : {}),
        cause: error,
      },
    )
  }
}
