/** Checked by the compiler only: who may subscribe to what, and how. */

import { broadcastDispatcher, consumer, demandDispatcher, fanOut, producer, System } from '../../src/stage/index.ts'

const texts = producer<string>(() => ({ handleDemand: () => [], dispatcher: broadcastDispatcher() }))
const both = fanOut<string>({ subscribeTo: [{ to: texts, maxDemand: 5 }] })

consumer<string>(() => ({ subscribeTo: [{ to: both, selector: (text) => text.length > 2 }], handleEvents: () => {} }))
consumer<string>(() => ({
  // @ts-expect-error the events are texts
  subscribeTo: [{ to: both, selector: (event: number) => event > 2 }],
  handleEvents: () => {},
}))
// @ts-expect-error a selector is a function
consumer<string>(() => ({ subscribeTo: [{ to: both, selector: 'even' }], handleEvents: () => {} }))

consumer<string>(() => ({ subscribeTo: [{ to: texts, partition: 'odd' }], handleEvents: () => {} }))
consumer<string>(() => ({ subscribeTo: [{ to: texts, partition: 1 }], handleEvents: () => {} }))
// @ts-expect-error a partition is a name or a number
consumer<string>(() => ({ subscribeTo: [{ to: texts, partition: { number: 1 } }], handleEvents: () => {} }))
// What the library does not know travels along.
consumer<string>(() => ({ subscribeTo: [{ to: texts, colour: 'red' }], handleEvents: () => {} }))

// @ts-expect-error a dispatcher of numbers does not take texts
producer<string>(() => ({ handleDemand: () => [], dispatcher: broadcastDispatcher<number>() }))
// A stage may find that there is nothing to run.
producer<string>(() => 'ignore')
producer<string>(async () => ({ handleDemand: () => [], dispatcher: demandDispatcher() }))
// @ts-expect-error nothing else than callbacks and `ignore`
producer<string>(() => 'nothing')

const system = new System()
const sink = await system.start(consumer<string>(() => ({ handleEvents: () => {} })))
await using subscription = await system.subscribe(sink, { to: texts, selector: (text) => text.startsWith('a') })
subscription.cancel()
// @ts-expect-error the events are texts
void system.subscribe(sink, { to: texts, selector: (event: number) => event > 2 })
