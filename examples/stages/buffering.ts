// Events that come when they come, and a consumer that takes them when it can. Whoever awaits its pushes is held back when the
// queue is full, so nothing is lost and the queue stays small.
import { bufferingProducer, consumer, finish, push, System } from 'millrace/stage'

const readings = bufferingProducer<number>({ capacity: 20 })

let taken = 0
const logbook = consumer<number>(() => ({
  subscribeTo: [{ to: readings, maxDemand: 5, cancel: 'transient' }],
  handleEvents: async (batch) => {
    await new Promise((resolve) => setTimeout(resolve, 2))
    taken += batch.length
  },
}))

const system = new System()
const queue = await system.start(readings)
await system.start(logbook)

let furthestAhead = 0
for (let reading = 1; reading <= 200; reading++) {
  await push(queue, [reading])
  furthestAhead = Math.max(furthestAhead, reading - taken)
}
await finish(queue)
await system.idle()
await system.stop()

console.log(`taken: ${taken}`)
// Twenty in the queue, five asked for by the consumer.
console.log(`never further ahead than the queue and the demand: ${furthestAhead <= 25}`)
// prints: taken: 200
// prints: never further ahead than the queue and the demand: true
