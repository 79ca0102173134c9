/** `millrace queues`: every queue in numbers. */

import { Command } from 'commander'

import type { ConcurrencyOption, QueueInfo } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions, type OpenRunner } from '../open-runner.ts'
import { concurrencyText } from '../output/concurrency-text.ts'
import { formatTable, type Column } from '../output/table.ts'
import { durationText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

/** Makes the command. */
export function queuesCommand(launch: Launch): Command {
  return addDatabaseOption(new Command('queues').description('show the queues: how much waits, runs, and ends')).action(
    (options: DataOptions) => launch((session) => showQueues(session, options)),
  )
}

async function showQueues(session: Session, options: DataOptions): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, options, async (open) => {
    const queues = await open.runner.queues()
    terminal.printJson({ queues: queues.map((queue) => ({ ...queue, concurrency: concurrencyOf(queue, open) })) })
    if (queues.length === 0) {
      terminal.say('there is no queue yet; one appears with its first job')
      return EXIT.ok
    }
    const { colors } = terminal
    const right = { align: 'right' as const }
    const columns: Column[] = [
      { title: 'QUEUE' },
      { title: 'WAITING', ...right },
      { title: 'SCHEDULED', ...right },
      { title: 'RUNNING', ...right },
      { title: 'OLDEST', ...right },
      { title: 'ENDED/S', ...right },
      { title: 'CONCURRENCY', ...right },
      { title: 'PROCESSES WANTED', ...right },
      { title: 'STATE', paint: (cell) => (cell === 'paused' ? colors.yellow(cell) : cell) },
    ]
    const rows = queues.map((queue) => [
      queue.name,
      String(queue.depth),
      String(queue.scheduled),
      String(queue.running),
      queue.oldestAgeMs === null ? '-' : durationText(queue.oldestAgeMs),
      String(Math.round(queue.rate * 10) / 10),
      shownConcurrency(concurrencyOf(queue, open)),
      String(queue.wantedReplicas),
      queue.paused ? 'paused' : 'open',
    ])
    terminal.print(...formatTable(columns, rows, { width: terminal.width, paintHeader: colors.dim }))
    return EXIT.ok
  })
}

/** Without the configuration the runner knows only what was stored, or the default, which says nothing of the workers. */
function concurrencyOf(queue: QueueInfo, { configuration }: OpenRunner): ConcurrencyOption | null {
  return configuration === undefined ? queue.scaled : queue.concurrency
}

function shownConcurrency(concurrency: ConcurrencyOption | null): string {
  return concurrency === null ? '-' : concurrencyText(concurrency)
}
