/** Effect's Stream. */

import { Effect, Queue, Stream } from 'effect'

/** @type {import('../contender.ts').StreamContender} */
export const contender = {
  packages: ['effect'],
  settings:
    'Stream.range with chunks of max demand, Stream.map, Stream.runForEachArray: chunks are pulled, nothing is handed over between fibers. Four consumers are fibers that read one bounded Queue of max demand',
  cannot: {},
  run,
}

/** @type {import('../contender.ts').StreamContender['run']} */
function run({ steps, consumers }, maxDemand, events, tally) {
  let source = Stream.range(0, events - 1, maxDemand)
  for (let step = 0; step < steps; step++) source = Stream.map(source, (event) => event + 1)
  const add = Stream.runForEachArray((chunk) => Effect.sync(() => tally.addAll(chunk)))
  return Effect.runPromise(consumers === 1 ? add(source) : share(source, { consumers, maxDemand, add }))
}

/**
 * @param {Stream.Stream<number>} source
 * @param {{ consumers: number, maxDemand: number, add: (stream: Stream.Stream<number>) => Effect.Effect<void> }} how
 */
function share(source, { consumers, maxDemand, add }) {
  return Effect.gen(function* () {
    const queue = yield* Queue.make({ capacity: maxDemand })
    const adders = Array.from({ length: consumers }, () => add(Stream.fromQueue(queue)))
    yield* Effect.all([Stream.runIntoQueue(source, queue), ...adders], { concurrency: 'unbounded' })
  })
}
