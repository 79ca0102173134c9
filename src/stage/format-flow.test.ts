import { describe, expect, it } from 'vitest'

import { aStage, aSubscription, aSystem } from '../../test/support/stage-snapshots.ts'
import { formatFlow, type StageSnapshot } from './index.ts'

/** A text without the first line break and the indentation of the test. */
function text(indented: string): string {
  return indented
    .split('\n')
    .slice(1, -1)
    .map((line) => line.slice(6))
    .join('\n')
}

describe('formatFlow', () => {
  it('shows a line of stages, their subscriptions, and the bottleneck', () => {
    const snapshot = aSystem(
      aStage(2, {
        name: 'counter',
        kind: 'producer',
        state: 'waitingForDemand',
        eventsOutPerSecond: 512.4,
        busyShare: 0.012,
      }),
      aStage(3, {
        name: 'enrich',
        kind: 'producerConsumer',
        state: 'working',
        mailbox: 2,
        eventsInPerSecond: 512.4,
        eventsOutPerSecond: 511.6,
        busyShare: 0.98,
        awaitingShare: 0.98,
        restarts: 1,
        subscriptions: [
          aSubscription(
            { id: 2 },
            { id: 3 },
            { maxDemand: 1000, outstanding: 612, waiting: 312, eventsPerSecond: 512 },
          ),
        ],
      }),
      aStage(4, {
        child: 'store',
        eventsInPerSecond: 511.6,
        busyShare: 0.04,
        subscriptions: [
          aSubscription({ id: 3 }, { id: 4 }, { maxDemand: 50, outstanding: 50, unmet: 50, eventsPerSecond: 3.25 }),
        ],
      }),
    )
    expect(formatFlow(snapshot)).toBe(
      text(`
      stage    kind              state               in/s  out/s  busy  mailbox  buffered  restarts
      counter  producer          waiting for demand     -    512   1 %        0         0         0
        └─▶ enrich  ███████░░░ 612/1,000 outstanding, 312 at the consumer, 512/s
      enrich   producerConsumer  working              512    512  98 %        2         0         1
        └─▶ store  ██████████ 50/50 outstanding, 3.3/s
      store    consumer          waiting for events   512      -   4 %        0         -         0

      \`enrich\` is the bottleneck: it is busy 98 % of the time, its producer has 0 demand left, 312 events wait before it and its consumers wait for 50 events.
      `),
    )
  })

  it('shows fan-out and fan-in with each stage once, after all its producers', () => {
    const to = (consumer: number, ...producers: number[]): Partial<StageSnapshot> => ({
      subscriptions: producers.map((producer) =>
        aSubscription({ id: producer }, { id: consumer }, { outstanding: 4, unmet: 4 }),
      ),
    })
    const snapshot = aSystem(
      aStage(1, { name: 'feed', kind: 'producer', demand: 8, state: 'waitingForEvents' }),
      // Started before its second producer.
      aStage(2, { name: 'store', ...to(2, 3, 4) }),
      aStage(3, { name: 'a', kind: 'producerConsumer', ...to(3, 1) }),
      aStage(4, { name: 'longer', kind: 'producerConsumer', ...to(4, 1) }),
    )
    expect(formatFlow(snapshot)).toBe(
      text(`
      stage   kind              state               in/s  out/s  busy  mailbox  buffered  restarts
      feed    producer          waiting for events     -      0   0 %        0         0         0
        ├─▶ a       ████░░░░░░ 4/10 outstanding, 0/s
        └─▶ longer  ████░░░░░░ 4/10 outstanding, 0/s
      a       producerConsumer  waiting for events     0      0   0 %        0         0         0
        └─▶ store  ████░░░░░░ 4/10 outstanding, 0/s
      longer  producerConsumer  waiting for events     0      0   0 %        0         0         0
        └─▶ store  ████░░░░░░ 4/10 outstanding, 0/s
      store   consumer          waiting for events     0      -   0 %        0         -         0

      No bottleneck: all consumers wait for events; the source \`feed\` is the slowest.
      `),
    )
  })

  it('shows pipelines that have nothing to do with each other one after the other, and numbers what has no name', () => {
    const snapshot = aSystem(
      aStage(1, { kind: 'producer', state: 'waitingForDemand' }),
      aStage(2, { child: 'sink', subscriptions: [aSubscription({ id: 1 }, { id: 2 }, { mode: 'manual' })] }),
      aStage(3, { kind: 'producer', state: 'accumulating', held: 1, eventsOutPerSecond: 9.94 }),
      aStage(4, { child: 'sink', subscriptions: [aSubscription({ id: 3 }, { id: 4 }, { outstanding: 31 })] }),
      aStage(5, { kind: 'consumerSupervisor', children: 0 }),
    )
    expect(formatFlow(snapshot)).toBe(
      text(`
      stage        kind      state               in/s  out/s  busy  mailbox  buffered  restarts
      producer #1  producer  waiting for demand     -      0   0 %        0         0         0
        └─▶ sink #2  ░░░░░░░░░░ 0/10 outstanding (manual), 0/s
      sink #2      consumer  waiting for events     0      -   0 %        0         -         0

      No bottleneck: no stage is busy more than 0 % of the time.

      stage        kind      state               in/s  out/s  busy  mailbox  buffered  restarts
      producer #3  producer  accumulating           -    9.9   0 %        0         0         0
        └─▶ sink #4  ██████████ 31/10 outstanding, 0/s
      sink #4      consumer  waiting for events     0      -   0 %        0         -         0

      \`producer #3\` is the bottleneck: it holds 1 event until its demand mode is \`forward\`.

      stage                  kind                state               in/s  out/s  busy  mailbox  buffered  restarts
      consumerSupervisor #5  consumerSupervisor  waiting for events     0      -   0 %        0         -         0

      No bottleneck: \`consumerSupervisor #5\` is subscribed to nobody.
      `),
    )
  })

  it('shows a long pipeline in the order of its stages, whatever the order of their start', () => {
    const length = 60
    const stages = Array.from({ length }, (_, index) =>
      aStage(length - index, {
        kind: index === 0 ? 'producer' : 'producerConsumer',
        name: `stage-${index}`,
        subscriptions: index === 0 ? [] : [aSubscription({ id: length - index + 1 }, { id: length - index })],
      }),
    )
    const shown = formatFlow(aSystem(...stages.toReversed()))
      .split('\n')
      .flatMap((line) => /^(stage-\d+)/.exec(line)?.[1] ?? [])
    expect(shown).toEqual(stages.map(({ name }) => name))
  })

  it('ends with stages that are subscribed in a circle, or to one that is gone', () => {
    const circle = aSystem(
      aStage(1, { kind: 'producerConsumer', subscriptions: [aSubscription({ id: 2 }, { id: 1 })] }),
      aStage(2, { kind: 'producerConsumer', subscriptions: [aSubscription({ id: 1 }, { id: 2 })] }),
      aStage(3, { subscriptions: [aSubscription({ id: 99 }, { id: 3 })] }),
    )
    expect(formatFlow(circle).split('\n\n')).toHaveLength(4)
  })

  it('says so when there are none', () => {
    expect(formatFlow(aSystem())).toBe('No stage runs.')
  })
})
