/**
 * The supervised branch of one queue, in the order in which jobs flow:
 *
 *     queue (restForOne)
 *       ├─ producer                      a crash here restarts everything below it
 *       ├─ consumers (oneForOne)         their number changes while they run: see queue-branch.ts
 *       │    ├─ consumer 1               a crash here restarts this one; its job goes back to the store
 *       │    └─ … consumer n
 *       └─ acker                         a crash here restarts it alone; consumers keep what they finished
 *
 * Whatever crashes, the ledger hands back the jobs that the dead stages held, and each of them runs again. A branch that
 * keeps crashing ends, and its owner starts it anew after a while; the branches of other queues notice nothing.
 */

import type { Host } from '../host/host.ts'
import { supervisor, type ChildSpec, type ConsumerRef, type SupervisorDefinition, type System } from '../stage/index.ts'
import type { AckWriter } from './ack-writer.ts'
import type { Claimer } from './claimer.ts'
import type { ConsumerStatistics, JobConsumerRef } from './consumer-statistics.ts'
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

/** What describes a branch. */
export interface QueueBranchParts {
  readonly queue: string
  readonly settings: QueueSettings
  /** How many consumers to begin with. */
  readonly consumers: number
  readonly services: QueueServices
  readonly statistics: ConsumerStatistics
}

/** The name of the supervisor of a queue's consumers. */
export function consumersName(queue: string): string {
  return `${queue}/consumers`
}

/** The spec of one consumer, of whichever number. One that leaves in order is not started again. */
export function consumerSpec({ queue, settings, services, statistics }: QueueBranchParts, number: number): ChildSpec {
  const { host, system, ledger, executor } = services
  const onStart = (consumer: JobConsumerRef): void => {
    system.whereis(`${queue}/acker`)?.cast({ type: 'consumer-started', consumer } satisfies ConsumerStarted)
  }
  return {
    id: `consumer-${number}`,
    name: `${queue}/consumer-${number}`,
    restart: 'transient',
    start: jobConsumer({
      queue,
      from: `${queue}/producer`,
      maxDemand: settings.maxDemand,
      executor,
      ledger,
      statistics,
      trace: host.trace,
      onStart,
    }),
  }
}

/** Builds the branch of a queue. */
export function queueSupervisor(parts: QueueBranchParts): SupervisorDefinition {
  const { queue, settings, consumers, services, statistics } = parts
  const { host, system, claimer, ackWriter, ledger } = services
  const subscribe = (acker: ConsumerRef<FinishedJob>, to: JobConsumerRef, maxDemand: number): void => {
    // A consumer that died since is reported again when its successor starts.
    system.subscribe(acker, { to, maxDemand, cancel: 'temporary' }, { async: true }).catch(() => {})
  }
  return supervisor({
    strategy: 'restForOne',
    maxRestarts: 5,
    maxSeconds: 5,
    children: [
      {
        id: 'producer',
        name: `${queue}/producer`,
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
        name: consumersName(queue),
        start: supervisor({
          strategy: 'oneForOne',
          maxRestarts: 5 + settings.concurrency.max,
          maxSeconds: 5,
          children: Array.from({ length: consumers }, (_, index) => consumerSpec(parts, index + 1)),
        }),
      },
      {
        id: 'acker',
        name: `${queue}/acker`,
        start: jobAcker({
          queue,
          maxDemand: 2 * settings.maxDemand,
          ackWriter,
          ledger,
          trace: host.trace,
          consumers: () => statistics.refs(),
          subscribe,
        }),
      },
    ],
  })
}
