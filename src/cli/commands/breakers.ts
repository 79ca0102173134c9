/** `millrace breakers` shows the circuit breakers; `millrace breaker open|close|auto <name>` holds one, or lets it go. */

import { Command } from 'commander'

import type { BreakerInfo, BreakerListOptions, BreakerTarget, Runner } from '../../index.ts'
import { BREAKER_STATES } from '../../job/breaker.ts'
import { usageError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { addOperatorOptions, readOperator, type OperatorFlags } from '../operator-options.ts'
import { wholeNumber } from '../option-values.ts'
import { cleanLine } from '../output/clean-text.ts'
import { formatTable, type Column } from '../output/table.ts'
import { durationText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

type Verb = 'open' | 'close' | 'auto'

const VERBS: Readonly<Record<Verb, string>> = {
  open: 'hold a breaker open: its jobs wait',
  close: 'hold a breaker closed: its jobs run, whatever fails',
  auto: 'let a breaker go: it opens and closes by itself again',
}

interface BreakersFlags extends DataOptions {
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly key?: string | undefined
  readonly state?: string | undefined
  readonly limit?: number | undefined
}

const DEFAULT_LIMIT = 100
/** The most that the API answers at once. */
const PAGE = 1_000

interface BreakerFlags extends DataOptions, OperatorFlags {
  readonly queue?: string | undefined
  readonly key?: string | undefined
}

/** Makes `breakers`. */
export function breakersCommand(launch: Launch): Command {
  return addDatabaseOption(
    new Command('breakers').description('show the circuit breakers that have opened, or that somebody holds'),
  )
    .option('--queue <queue>', 'only of this queue')
    .option('--name <name>', 'only of this job name, such as payments.charge')
    .option('--key <key>', 'only of this key')
    .option('--state <state>', `only in this state: ${BREAKER_STATES.join(', ')}`)
    .option('--limit <n>', `at most this many, those that changed last (default: ${DEFAULT_LIMIT})`, wholeNumber)
    .action((flags: BreakersFlags) => launch((session) => showBreakers(session, flags)))
}

/** Makes `breaker` with its verbs. */
export function breakerCommand(launch: Launch): Command {
  const command = new Command('breaker').description('hold a circuit breaker open or closed, or let it go')
  for (const verb of Object.keys(VERBS) as Verb[]) command.addCommand(verbCommand(launch, verb)) // its own keys
  return command
}

function verbCommand(launch: Launch, verb: Verb): Command {
  return addOperatorOptions(addDatabaseOption(new Command(verb).description(VERBS[verb])))
    .argument('[name]', 'the name of a job, such as payments.charge')
    .option('--queue <queue>', 'the queue (default: that of the job)')
    .option('--key <key>', 'instead of a name: the breaker of this key; needs --queue')
    .action((name: string | undefined, flags: BreakerFlags) =>
      launch((session) => setBreaker(session, verb, name, flags)),
    )
}

async function setBreaker(
  session: Session,
  verb: Verb,
  name: string | undefined,
  flags: BreakerFlags,
): Promise<ExitCode> {
  const target = readTarget(verb, name, flags)
  const { terminal } = session
  return withDataRunner(session, flags, async ({ runner }) => {
    const breaker = await runner.breakers[verb](target, readOperator(flags))
    terminal.printJson({ breaker })
    terminal.print(`${titleOf(breaker)} is ${breaker.state}${heldText(breaker)}`)
    return EXIT.ok
  })
}

function readTarget(verb: Verb, name: string | undefined, { queue, key }: BreakerFlags): BreakerTarget {
  const example = `millrace breaker ${verb} payments.charge, or: millrace breaker ${verb} --queue api --key acme`
  if ((name === undefined) === (key === undefined)) {
    throw usageError('a breaker is that of a job name, or that of a key in a queue', example)
  }
  if (name !== undefined) return { name, queue }
  if (key === undefined || queue === undefined) throw usageError('--key needs --queue', example)
  return { key, queue }
}

async function showBreakers(session: Session, flags: BreakersFlags): Promise<ExitCode> {
  const { terminal, clock } = session
  const { queue, name, key, state, limit = DEFAULT_LIMIT } = flags
  return withDataRunner(session, flags, async ({ runner }) => {
    // The API says what is wrong with it.
    const filter = { queue, name, key, state: state as BreakerListOptions['state'] }
    const { breakers, hasMore } = await readPages(runner, filter, limit)
    terminal.printJson({ breakers, ...(hasMore ? { more: true } : {}) })
    if (breakers.length === 0) {
      const isAll = Object.values(filter).every((value) => value === undefined)
      terminal.say(`no ${isAll ? '' : 'such '}circuit breaker has opened in the last day, and nobody holds one`)
      return EXIT.ok
    }
    const { colors } = terminal
    const columns: Column[] = [
      { title: 'QUEUE' },
      { title: 'BREAKER OF' },
      { title: 'STATE', paint: (cell) => (cell.startsWith('closed') ? cell : colors.yellow(cell)) },
      { title: 'SINCE' },
      { title: 'NEXT' },
      { title: 'WHY' },
    ]
    const now = clock.now()
    const rows = breakers.map((breaker) => [
      breaker.queue,
      cleanLine(`${breaker.by} ${breaker.subject}`),
      `${breaker.state}${breaker.mode === 'auto' ? '' : ' (held)'}`,
      breaker.changedAt === null ? '-' : durationText(Math.max(0, now - breaker.changedAt.getTime())),
      breaker.openUntil === null ? '-' : `probes in ${durationText(Math.max(0, breaker.openUntil.getTime() - now))}`,
      cleanLine(breaker.changes.at(-1)?.reason ?? '-'),
    ])
    terminal.print(...formatTable(columns, rows, { width: terminal.width, paintHeader: colors.dim }))
    if (hasMore && !terminal.isJson) {
      terminal.say(`there are more than these ${limit}: narrow it with --state open, --queue or --key, or add --limit`)
    }
    return EXIT.ok
  })
}

/** As many as are wanted, over pages of the API, and whether there are more. */
async function readPages(
  runner: Runner,
  filter: BreakerListOptions,
  limit: number,
): Promise<{ readonly breakers: readonly BreakerInfo[]; readonly hasMore: boolean }> {
  const breakers: BreakerInfo[] = []
  for (;;) {
    const left = limit + 1 - breakers.length
    const size = Math.min(PAGE, limit < 1 ? limit : left)
    const page = await runner.breakers.list({ ...filter, limit: size, after: breakers.at(-1) })
    breakers.push(...page)
    if (page.length < size || breakers.length > limit) break
  }
  return { breakers: breakers.slice(0, limit), hasMore: breakers.length > limit }
}

function titleOf({ by, subject, queue }: BreakerInfo): string {
  return cleanLine(`the breaker of ${by === 'name' ? 'job' : 'key'} "${subject}" in queue "${queue}"`)
}

function heldText({ mode, state }: BreakerInfo): string {
  if (mode === 'open') return ': its jobs wait until `millrace breaker close` or `millrace breaker auto`'
  if (mode === 'closed') return ': its jobs run, whatever fails, until `millrace breaker auto`'
  return state === 'half-open' ? ': probes tell whether it closes' : ''
}
