/** millrace/stage through its public API, from dist/. */

import { consumer, producer, producerConsumer, System } from '../../../dist/stage/index.js'

/** @type {import('../contender.ts').StreamContender} */
export const contender = {
  packages: ['millrace'],
  settings: 'maxDemand as given, minDemand by default half of it; handlers are synchronous',
  cannot: {},
  run,
}

/** @type {import('../contender.ts').StreamContender['run']} */
async function run({ steps, consumers }, maxDemand, events, tally) {
  const system = new System()
  /** @type {import('../../../dist/stage/index.js').Source<number>} */
  let source = counter(events)
  await system.start(source)
  for (let step = 0; step < steps; step++) {
    source = addOne(source, maxDemand)
    await system.start(source)
  }
  await new Promise((resolve) => {
    for (let index = 0; index < consumers; index++) {
      void system.start(
        consumer(() => ({
          subscribeTo: [{ to: source, maxDemand }],
          handleEvents: (batch) => {
            tally.addAll(batch)
            if (tally.count >= events) resolve()
          },
        })),
      )
    }
  })
  await system[Symbol.asyncDispose]()
}

/** @param {number} limit */
function counter(limit) {
  return producer(() => {
    let next = 0
    return {
      handleDemand: (demand) => {
        const events = new Array(Math.min(demand, limit - next))
        for (let index = 0; index < events.length; index++) events[index] = next++
        return events
      },
    }
  })
}

/**
 * @param {import('../../../dist/stage/index.js').Source<number>} source
 * @param {number} maxDemand
 */
function addOne(source, maxDemand) {
  return producerConsumer(() => ({
    subscribeTo: [{ to: source, maxDemand }],
    handleEvents: (events) => events.map((event) => event + 1),
  }))
}
