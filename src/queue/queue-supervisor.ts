/**
 * The supervised branch of one queue, in the order in which jobs flow:
 *
 *     queue (restForOne)
 *       ├─ producer                      a crash here restarts everything below it
 *       ├─ consumers (oneForOne)
 *       │    ├─ consumer 1               a crash here restarts this one; its job goes back to the store
 *       │    └─ … consumer n
 *       └─ acker                         a crash here restarts it alone; consumers keep what they finished
 *
 * Whatever crashes, the ledger hands back the jobs that the dead stages held, and each of them runs again. A branch that
 * keeps crashing ends, and its owner starts it anew after a while; the branches of other queues notice nothing.
 */

import type { Host } from '../host/host.ts'
import {
  supervisor,
  type ConsumerRef,
  type ProducerRef,
  type SupervisorDefinition,
  type System,
} from '../stage/index.ts'
import type { AckWriter } from './ack-writer.ts'
import type { Claimer } from './claimer.ts'
import type { ConsumerStatistics } from './consumer-statistics.ts'
import type { FinishedJob } from './finished-job.ts'
import { jobAcker, type ConsumerStarted } from './job-acker.ts'
import { jobConsumer } from './job-consumer.ts'
import type { JobExecutor } from './job-executor.ts'
import { jobProducer } from './job-producer.ts'
import type { Ledger } from './ledger.ts'
import type { QueueSettings } from './queue-settings.ts'

/** The parts of a node that the branches of all its queues share. */
export interface QueueServices {
  readonly host: Host
  readonly system: System
  readonly claimer: Claimer
  readonly ackWriter: AckWriter
  readonly ledger: Ledger
  readonly executor: JobExecutor
}

/** Builds the branch of a queue. */
export function queueSupervisor(
  queue: string,
  settings: QueueSettings,
  services: QueueServices,
  statistics: ConsumerStatistics,
): SupervisorDefinition {
  const { host, system, claimer, ackWriter, ledger, executor } = services
  const { trace } = host
  const producerName = `${queue}/producer`
  const ackerName = `${queue}/acker`
  const consumerNames = Array.from({ length: settings.concurrency }, (_, index) => `${queue}/consumer-${index + 1}`)

  const consumerOf = (name: string): ProducerRef<FinishedJob> | undefined =>
    system.whereis(name) as ProducerRef<FinishedJob> | undefined // only consumers of this queue have these names
  const onStart = (consumer: ProducerRef<FinishedJob>): void => {
    system.whereis(ackerName)?.cast({ type: 'consumer-started', consumer } satisfies ConsumerStarted)
  }
  const subscribe = (acker: ConsumerRef<FinishedJob>, to: ProducerRef<FinishedJob>, maxDemand: number): void => {
    // A consumer that died since is reported again when its successor starts.
    system.subscribe(acker, { to, maxDemand, cancel: 'temporary' }, { async: true }).catch(() => {})
  }

  const consumer = jobConsumer({
    queue,
    from: producerName,
    maxDemand: settings.maxDemand,
    executor,
    ledger,
    statistics,
    trace,
    onStart,
  })
  return supervisor({
    strategy: 'restForOne',
    maxRestarts: 5,
    maxSeconds: 5,
    children: [
      {
        id: 'producer',
        name: producerName,
        start: jobProducer({
          queue,
          settings,
          claimer,
          ledger,
          host,
          giveBack: (jobs) => void ackWriter.giveBack(jobs),
        }),
      },
      {
        id: 'consumers',
        start: supervisor({
          strategy: 'oneForOne',
          maxRestarts: 5 + settings.concurrency,
          maxSeconds: 5,
          children: consumerNames.map((name, index) => ({ id: `consumer-${index + 1}`, name, start: consumer })),
        }),
      },
      {
        id: 'acker',
        name: ackerName,
        start: jobAcker({
          queue,
          maxDemand: 2 * settings.maxDemand,
          ackWriter,
          ledger,
          trace,
          consumers: () => consumerNames.flatMap((name) => consumerOf(name) ?? []),
          subscribe,
        }),
      },
    ],
  })
}
