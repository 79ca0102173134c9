/**
 * `millrace start`: runs jobs until it is told to end.
 *
 *     starting ──▶ running ──first signal──▶ stopping: jobs may end ──second──▶ their signals fire ──third──▶ exit 1
 *                           │                    └── all ended or handed back ──▶ exit 0
 *                           └── too many handlers are stuck: stops as by a signal ──▶ exit 75
 *
 * The runner does what the signals mean (`signals: true`); here they are put into words.
 */

import { Command } from 'commander'

import { onEndSignals, quit } from '../../host/signals.ts'
import { CliError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { assertQueues, knownQueues } from '../known-queues.ts'
import { withConfiguredRunner, type OpenRunner } from '../open-runner.ts'
import { commaList, wholeNumber } from '../option-values.ts'
import type { Launch, Session } from '../session.ts'
import { serveProbesOf } from '../worker/probes.ts'
import { firstScreen, startedDocument } from '../worker/first-screen.ts'
import { tellJobs, tellTroubles } from '../worker/worker-lines.ts'

interface StartFlags {
  readonly queues?: readonly string[] | undefined
  readonly quiet?: boolean | undefined
  readonly processes?: string | undefined
  readonly probePort?: number | undefined
  readonly probeHost?: string | undefined
}

/** Makes the command. */
export function startCommand(launch: Launch): Command {
  return new Command('start')
    .description('run jobs until Ctrl-C')
    .option('--queues <queues>', 'serve only these queues, with commas between them', commaList)
    .option('--quiet', 'print no line for each job that ends')
    .option(
      '--probe-port <port>',
      'serve /livez, /readyz, /metrics and /scaling at this port; 0 takes a free one',
      wholeNumber,
    )
    .option('--probe-host <host>', 'the address to serve them at (default: 127.0.0.1, for this machine only)')
    .option('--processes <n>', 'run several processes (not available yet)')
    .action((flags: StartFlags) => launch((session) => start(session, flags)))
}

async function start(session: Session, flags: StartFlags): Promise<ExitCode> {
  const { queues, quiet = false, processes } = flags
  const { terminal } = session
  if (processes !== undefined) {
    throw new CliError('option --processes of start is not available yet', {
      exitCode: EXIT.refused,
      hint: 'start the command several times: the processes share the work',
    })
  }
  return withConfiguredRunner(session, async (open) => {
    const { runner } = open
    if (queues !== undefined && open.configuration !== undefined) assertQueues(queues, await knownQueues(open))
    // Before it starts, so that whoever asks meanwhile is answered, and until it has stopped.
    await using probes = await serveProbesOf(runner, flags)
    let isStopping = false
    let isStuck = false
    let removeHandlers = (): void => {}
    const stopped = new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        isStopping = true
        runner.stop().then(resolve, reject)
      }
      removeHandlers = onEndSignals((count) => {
        tellSignal(session, open, count)
        if (count === 1) stop()
        if (count >= 3) quit(EXIT.failed)
      })
      // Whatever stops the worker, this command ends with it.
      runner.on('node:stop', stop)
      runner.on('node:stuck', ({ stuck }) => {
        isStuck = true
        tellStuck(session, stuck)
        stop()
      })
    })
    // Until it is waited for below, a failed stop is not an unhandled one.
    stopped.catch(() => {})
    tellTroubles(session, runner)
    if (!quiet) tellJobs(session, runner)
    try {
      await runner.start({ signals: true, queues })
      if (!isStopping) {
        terminal.printJson(startedDocument(open, { queues, probes: probes.url }))
        if (!terminal.isJson) terminal.say(...firstScreen(session, open, { queues, probes: probes.url }))
      }
      await stopped
      terminal.printJson({ event: 'stopped' })
      terminal.say(terminal.wordColors.dim('stopped'))
      return isStuck ? EXIT.restart : EXIT.ok
    } finally {
      removeHandlers()
    }
  })
}

function tellStuck({ terminal }: Session, stuck: number): void {
  terminal.printJson({ event: 'stuck', stuck })
  terminal.say(
    `stopping: ${stuck} handlers go on although they were told to stop; exits with ${EXIT.restart}, to be started anew`,
  )
}

function tellSignal({ terminal }: Session, { runner }: OpenRunner, count: number): void {
  const running = runner.inspect().worker?.handlers ?? 0
  const jobs = running === 1 ? '1 job' : `${running} jobs`
  terminal.printJson(
    count === 1 ? { event: 'stopping', running } : { event: count === 2 ? 'hurrying' : 'quitting', running },
  )
  if (count === 1) {
    terminal.say(
      running === 0
        ? 'stopping: no job runs'
        : `stopping: ${jobs} may run on for up to 25 s, then go back to their queues with no attempt charged; Ctrl-C again hurries`,
    )
  } else if (count === 2) {
    terminal.say(`hurrying: ${jobs} told to stop; Ctrl-C again quits at once`)
  } else {
    terminal.say(`quitting: what still runs is rescued by another worker`)
  }
}
