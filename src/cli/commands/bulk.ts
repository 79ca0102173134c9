/**
 * `millrace retry`, `cancel` and `delete`, and the verbs of `millrace dead`: one job, some, or all that match. What changes many
 * jobs tells their number first, and needs a yes: on a terminal it asks, elsewhere it wants `--yes`.
 */

import { Command } from 'commander'

import type { JobFilterOptions, JobState, Runner, SkippedJob } from '../../index.ts'
import { CliError, usageError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import {
  addDatabaseOption,
  addFilterOptions,
  describeFilter,
  isFiltered,
  listOfStates,
  readFilter,
  type FilterFlags,
} from '../job-filter.ts'
import { queueHint } from '../known-queues.ts'
import { withDataRunner, type DataOptions, type OpenRunner } from '../open-runner.ts'
import { addOperatorOptions, readOperator, type OperatorFlags } from '../operator-options.ts'
import { cleanLine } from '../output/clean-text.ts'
import { durationText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

/** What a verb did. */
export interface Changed {
  readonly changed: number
  readonly skipped: readonly SkippedJob[]
  /** When the last job is due, in milliseconds, where they become due one after the other. */
  readonly lastInMs?: number | undefined
}

/** A verb of this kind. */
export interface BulkVerb {
  /** How the command is called: `retry`, `dead retry`. */
  readonly name: string
  /** What became of the jobs: also the name of their number in the JSON document. */
  readonly done: string
  readonly description: string
  /** The states that it applies to. */
  readonly states: readonly JobState[]
  readonly call: (runner: Runner, target: string | JobFilterOptions, flags: BulkFlags) => Promise<Changed>
}

const RETRY: BulkVerb = {
  name: 'retry',
  done: 'retried',
  description: 'run failed or cancelled jobs again',
  states: ['failed', 'cancelled'],
  call: async (runner, target, flags) => {
    const { retried, skipped } = await runner.retry(target, readOperator(flags))
    return { changed: retried, skipped }
  },
}

const CANCEL: BulkVerb = {
  name: 'cancel',
  done: 'cancelled',
  description: 'cancel jobs that wait or run',
  states: ['scheduled', 'queued', 'running'],
  call: async (runner, target, flags) => {
    const { cancelled, skipped } = await runner.cancel(target, readOperator(flags))
    return { changed: cancelled, skipped }
  },
}

const DELETE: BulkVerb = {
  name: 'delete',
  done: 'deleted',
  description: 'remove jobs that do not run, and all that is kept of them',
  states: ['scheduled', 'queued', 'completed', 'failed', 'cancelled'],
  call: async (runner, target, flags) => {
    const { deleted, skipped } = await runner.delete(target, readOperator(flags))
    return { changed: deleted, skipped }
  },
}

/** The options of such a verb. */
export interface BulkFlags extends DataOptions, FilterFlags, OperatorFlags {
  readonly all?: boolean | undefined
  readonly yes?: boolean | undefined
  readonly dryRun?: boolean | undefined
  /** Of `dead retry`. */
  readonly rate?: { readonly limit: number; readonly per: string | number } | undefined
}

/** Makes `retry`, `cancel` and `delete`. */
export function bulkCommands(launch: Launch): Command[] {
  return [RETRY, CANCEL, DELETE].map((verb) => bulkCommand(launch, verb, { hasState: true }))
}

/** Makes the command of a verb. */
export function bulkCommand(launch: Launch, verb: BulkVerb, { hasState }: { readonly hasState: boolean }): Command {
  const name = verb.name.split(' ').at(-1) ?? verb.name
  const command = new Command(name).description(verb.description).argument('[ids...]', 'the ids of jobs')
  return addOperatorOptions(
    addDatabaseOption(
      addFilterOptions(command.option('--all', 'instead of ids: all jobs, or all that match'), { hasState }),
    ),
  )
    .option('--dry-run', 'only tell how many jobs match')
    .option('--yes', 'change many jobs without being asked')
    .action((ids: string[], flags: BulkFlags) => launch((session) => run(session, verb, ids, flags)))
}

async function run(session: Session, verb: BulkVerb, ids: readonly string[], flags: BulkFlags): Promise<ExitCode> {
  const isBulk = flags.all === true || isFiltered(flags)
  const example = `millrace ${verb.name} <id>, or: millrace ${verb.name} --all --queue <queue>`
  if (isBulk && ids.length > 0) throw usageError('ids and conditions exclude each other', example)
  if (!isBulk && ids.length === 0) throw usageError(`${verb.name} needs the id of a job, or --all`, example)
  if (!isBulk && flags.dryRun === true) throw usageError('--dry-run goes with --all or conditions', example)
  return withDataRunner(session, flags, (open) =>
    isBulk ? changeMatching(session, open, verb, flags) : changeEach(session, open, verb, { ids, flags }),
  )
}

async function changeEach(
  { terminal }: Session,
  { runner }: OpenRunner,
  verb: BulkVerb,
  { ids, flags }: { readonly ids: readonly string[]; readonly flags: BulkFlags },
): Promise<ExitCode> {
  let changed = 0
  const skipped: SkippedJob[] = []
  for (const id of new Set(ids)) {
    const answer = await verb.call(runner, id, flags)
    changed += answer.changed
    skipped.push(...answer.skipped)
    if (answer.changed > 0) terminal.print(`${verb.done} ${cleanLine(id)}`)
  }
  terminal.printJson({ [verb.done]: changed, skipped })
  for (const { id, reason } of skipped) terminal.say(`skipped ${cleanLine(id)}: ${skipReason(verb, reason)}`)
  if (skipped.some(({ reason }) => reason !== 'unknown')) return EXIT.refused
  return skipped.length > 0 ? EXIT.notFound : EXIT.ok
}

function skipReason({ name, states }: BulkVerb, reason: SkippedJob['reason']): string {
  if (reason === 'unknown') return 'no such job is stored'
  return `it is ${reason}, and ${name} is for ${listOfStates(states)} jobs`
}

async function changeMatching(session: Session, open: OpenRunner, verb: BulkVerb, flags: BulkFlags): Promise<ExitCode> {
  const { terminal } = session
  const states = flags.state?.filter((state) => verb.states.includes(state)) ?? verb.states
  if (states.length === 0) {
    throw usageError(
      `${verb.name} is for ${listOfStates(verb.states)} jobs, not for ${listOfStates(flags.state ?? [])} ones`,
    )
  }
  const filter = { ...readFilter(flags), state: states }
  const jobs = await countJobs(open.runner, filter)
  const what = `${verb.name.split(' ').at(-1) ?? ''} ${jobs.text} ${describeFilter(flags, states)}`
  if (flags.dryRun === true) {
    terminal.printJson({ matching: jobs.count, complete: jobs.isComplete })
    terminal.print(`would ${what}`)
    return EXIT.ok
  }
  if (flags.yes !== true) {
    if (!terminal.isInteractive) {
      throw new CliError(`not done without a yes: ${what}`, { exitCode: EXIT.refused, hint: 'add --yes to do it' })
    }
    if (jobs.count > 0 && !(await terminal.ask(`${what}?`))) {
      terminal.say('nothing was changed')
      return EXIT.refused
    }
  }
  const none: Changed = { changed: 0, skipped: [] }
  const { changed, skipped, lastInMs } = jobs.count > 0 ? await verb.call(open.runner, filter, flags) : none
  terminal.printJson({ [verb.done]: changed, skipped, ...(lastInMs === undefined ? {} : { lastInMs }) })
  const when = lastInMs === undefined || lastInMs === 0 ? '' : `; the last is due in ${durationText(lastInMs)}`
  terminal.print(`${verb.done} ${changed} ${changed === 1 ? 'job' : 'jobs'}${when}`)
  const hint = changed === 0 ? await queueHint(open, flags.queue) : undefined
  if (hint !== undefined) terminal.say(hint)
  return EXIT.ok
}

const COUNT_PAGE = 1_000
const COUNT_PAGES = 10

/** How many jobs match; counting stops where the number does not matter any more. */
async function countJobs(
  runner: Runner,
  filter: JobFilterOptions,
): Promise<{ count: number; text: string; isComplete: boolean }> {
  let count = 0
  let after: string | undefined
  for (let page = 0; page < COUNT_PAGES; page++) {
    const { jobs, next } = await runner.list({ ...filter, limit: COUNT_PAGE, after })
    count += jobs.length
    if (next === undefined) return { count, text: String(count), isComplete: true }
    after = next
  }
  return { count, text: `more than ${count}`, isComplete: false }
}
