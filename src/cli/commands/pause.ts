/** `millrace pause <queue>` and `millrace resume <queue>`. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { assertQueues, knownQueues } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { addOperatorOptions, readOperator, type OperatorFlags } from '../operator-options.ts'
import type { Launch, Session } from '../session.ts'

interface Flags extends DataOptions, OperatorFlags {}

/** Makes `pause`. */
export function pauseCommand(launch: Launch): Command {
  return addOperatorOptions(
    addDatabaseOption(new Command('pause').description('stop claiming jobs of a queue, on every node')),
  )
    .argument('<queue>', 'the name of a queue')
    .action((queue: string, options: Flags) => launch((session) => change(session, queue, options, true)))
}

/** Makes `resume`. */
export function resumeCommand(launch: Launch): Command {
  return addOperatorOptions(addDatabaseOption(new Command('resume').description('go on with a queue that was paused')))
    .argument('<queue>', 'the name of a queue')
    .action((queue: string, options: Flags) => launch((session) => change(session, queue, options, false)))
}

async function change(session: Session, queue: string, options: Flags, paused: boolean): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, options, async (open) => {
    assertQueues([queue], await knownQueues(open))
    const order = readOperator(options)
    await (paused ? open.runner.pause(queue, order) : open.runner.resume(queue, order))
    terminal.printJson({ queue, paused })
    terminal.print(
      paused
        ? `queue "${queue}" is paused: jobs that run go on, no other begins until \`millrace resume ${queue}\``
        : `queue "${queue}" goes on`,
    )
    return EXIT.ok
  })
}
