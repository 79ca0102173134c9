/** `millrace enqueue <name>`: stores a job, and may wait for its end. */

import { Command } from 'commander'

import type { EnqueueOptions, JobHandle } from '../../index.ts'
import { jsonText } from '../../job/json-text.ts'
import { suggestion } from '../../job/suggest.ts'
import { onEndSignals, quit } from '../../host/signals.ts'
import { EXIT, exitCodeOf, type ExitCode } from '../exit-codes.ts'
import { withConfiguredRunner, type OpenRunner } from '../open-runner.ts'
import { jobArgs, numberOrText, oneMore, wholeNumber } from '../option-values.ts'
import { cleanLine } from '../output/clean-text.ts'
import type { Launch, Session } from '../session.ts'

interface EnqueueFlags {
  readonly args: string
  readonly queue?: string | undefined
  readonly delay?: string | number | undefined
  readonly at?: string | number | undefined
  readonly priority?: number | undefined
  readonly maxAttempts?: number | undefined
  readonly key?: string | undefined
  readonly tag?: readonly string[] | undefined
  readonly id?: string | undefined
  readonly timeout?: string | number | undefined
  readonly wait?: boolean | undefined
}

/** Makes the command. */
export function enqueueCommand(launch: Launch): Command {
  return new Command('enqueue')
    .description('store a job, and print its id')
    .argument('<name>', 'the name of a job, such as mailer.sendWelcome')
    .option('--args <json>', 'its arguments, as a JSON array', '[]')
    .option('--queue <queue>', 'the queue it waits in (default: that of the job)')
    .option('--delay <duration>', 'how long it waits before it may run, such as 5m', numberOrText)
    .option('--at <time>', 'when it may run, such as 2030-01-31T08:00:00Z', numberOrText)
    .option('--priority <n>', '-100 to 100, lower is earlier', wholeNumber)
    .option('--max-attempts <n>', 'how often it is tried', wholeNumber)
    .option('--key <key>', 'the tenant or entity it belongs to')
    .option('--tag <tag>', 'a word to find it by; may come several times', oneMore)
    .option('--id <uuid>', 'its id: enqueueing it again stores nothing')
    .option('--timeout <duration>', 'how long an attempt may take, such as 30s', numberOrText)
    .option('--wait', 'wait for its end and print its result')
    .action((name: string, flags: EnqueueFlags) => launch((session) => enqueue(session, name, flags)))
}

async function enqueue(session: Session, name: string, flags: EnqueueFlags): Promise<ExitCode> {
  const { terminal } = session
  const args = jobArgs(flags.args)
  const { queue, delay, at, priority, maxAttempts, key, tag, id, timeout } = flags
  const options: EnqueueOptions = { queue, delay, at, priority, maxAttempts, key, tags: tag, id, timeout }
  return withConfiguredRunner(session, async (open) => {
    tellNewQueue(session, open, queue)
    // Which names and args are right is known when the configuration is loaded, not when this is compiled.
    const call = open.runner.enqueue.bind(open.runner) as unknown as EnqueueByName
    const handle = await call(name, args, options)
    if (flags.wait === true) return awaitResult(session, open, handle)
    terminal.printJson({ id: handle.id, status: handle.status })
    terminal.print(handle.id)
    if (handle.status === 'duplicate') terminal.say('a job with this id is stored already; nothing was changed')
    return EXIT.ok
  })
}

type EnqueueByName = (name: string, args: unknown[], options: EnqueueOptions) => Promise<JobHandle<unknown>>

/** A queue appears on first use, so any name is right, but one that is nearly another is probably not. */
function tellNewQueue({ terminal }: Session, { configuration }: OpenRunner, queue: string | undefined): void {
  const known = configuration?.queues ?? []
  if (queue === undefined || known.includes(queue)) return
  const near = suggestion(queue, known)
  if (near !== '') terminal.say(`queue "${queue}" is not in the configuration${near}`)
}

const HINT_AFTER_MS = 3_000

async function awaitResult(session: Session, { runner }: OpenRunner, handle: JobHandle<unknown>): Promise<ExitCode> {
  const { terminal, clock } = session
  const { id, status } = handle
  terminal.say(terminal.wordColors.dim(`waiting for job ${id}`))
  const removeHandlers = onEndSignals(() => {
    terminal.say(`no longer waiting; the job goes on, see: millrace show ${id}`)
    quit(EXIT.failed)
  })
  const hint = clock.after(HINT_AFTER_MS, () => {
    const tell = async (): Promise<void> => {
      const explanation = await runner.explain(id)
      if (explanation !== null && explanation.waiting !== null)
        terminal.say(`still waiting: ${cleanLine(explanation.detail)}`)
    }
    // A hint that cannot be given is no reason to stop waiting.
    tell().catch((error: unknown) => terminal.sayVerbose(`no explanation: ${String(error)}`))
  })
  try {
    const result = await handle.result()
    terminal.printJson({ id, status, state: 'completed', result: result ?? null })
    terminal.print(cleanLine(jsonText(result)))
    return EXIT.ok
  } catch (error) {
    return tellEnding(session, handle, error)
  } finally {
    hint.cancel()
    removeHandlers()
  }
}

/** A job that failed or was cancelled is an answer; anything else went wrong. */
function tellEnding({ terminal }: Session, { id, status }: JobHandle<unknown>, error: unknown): ExitCode {
  const { code, message = String(error) } = error as { readonly code?: unknown; readonly message?: string }
  if (code === 'ERR_RESULT_NOT_KEPT') {
    terminal.printJson({ id, status, state: 'completed', result: null })
    terminal.say(cleanLine(message))
    return EXIT.ok
  }
  const state = code === 'ERR_JOB_FAILED' ? 'failed' : code === 'ERR_JOB_CANCELLED' ? 'cancelled' : undefined
  if (state === undefined) throw error
  terminal.printJson({ id, status, state, error: { code, message } })
  const why = state === 'failed' ? `the job failed: ${cleanLine(message)}` : cleanLine(message)
  terminal.say(`${terminal.wordColors.red(why)}  see: millrace show ${id}`)
  return exitCodeOf(String(code)) ?? EXIT.failed
}
