/** `millrace scale <queue> <n | min..max>`: how many jobs of a queue run at the same time in each process. */

import { Command } from 'commander'

import type { ConcurrencyOption } from '../../index.ts'
import { usageError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { assertQueues, knownQueues } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { addOperatorOptions, readOperator, type OperatorFlags } from '../operator-options.ts'
import { concurrencyText } from '../output/concurrency-text.ts'
import type { Launch, Session } from '../session.ts'

interface ScaleFlags extends DataOptions, OperatorFlags {
  readonly reset?: boolean | undefined
}

/** Makes the command. */
export function scaleCommand(launch: Launch): Command {
  return addOperatorOptions(
    addDatabaseOption(
      new Command('scale').description('change how many jobs of a queue run at the same time in each process'),
    ),
  )
    .argument('<queue>', 'the name of a queue')
    .argument('[concurrency]', 'a number, or a range in which it follows the load, such as 2..20')
    .option('--reset', 'as it is configured again')
    .action((queue: string, concurrency: string | undefined, flags: ScaleFlags) =>
      launch((session) => scale(session, queue, { ...flags, concurrency })),
    )
}

async function scale(
  session: Session,
  queue: string,
  flags: ScaleFlags & { readonly concurrency: string | undefined },
): Promise<ExitCode> {
  const { terminal } = session
  const range = readRange(flags)
  return withDataRunner(session, flags, async (open) => {
    assertQueues([queue], await knownQueues(open))
    await open.runner.scale(queue, range, readOperator(flags))
    terminal.printJson({ queue, scaled: range })
    terminal.print(
      range === null
        ? `queue "${queue}" has as many consumers in each process as are configured there, within seconds`
        : `queue "${queue}" has ${concurrencyText(range)} consumers in each process, within seconds`,
    )
    return EXIT.ok
  })
}

function readRange({
  concurrency,
  reset,
}: {
  readonly concurrency: string | undefined
  readonly reset?: boolean | undefined
}): ConcurrencyOption | null {
  if ((reset === true) === (concurrency !== undefined)) {
    throw usageError('say how many, or --reset, and not both', 'such as `millrace scale email 2..20`')
  }
  if (concurrency === undefined) return null
  const [, min, max] = /^(\d{1,9})(?:\.\.(\d{1,9}))?$/.exec(concurrency) ?? []
  if (min === undefined) {
    throw usageError(`"${concurrency}" is no number and no range`, 'write 5, or 2..20')
  }
  return max === undefined ? Number(min) : { min: Number(min), max: Number(max) }
}
