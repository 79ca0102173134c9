// Where is a pipeline held up? One stage asks a slow service about each order. The picture of the running pipeline shows it.
import { bottleneck, consumer, formatFlow, producer, producerConsumer, supervisor, System } from 'millrace/stage'

interface Order {
  readonly id: number
}

interface PricedOrder extends Order {
  readonly price: number
}

const orders = producer<Order>(() => {
  let id = 0
  return { handleDemand: (demand) => Array.from({ length: demand }, () => ({ id: id++ })) }
})

const prices = producerConsumer<Order, PricedOrder>(() => ({
  subscribeTo: [{ to: 'orders', maxDemand: 40, minDemand: 20 }],
  handleEvents: async (batch) => {
    await new Promise((answered) => setTimeout(answered, 5 * batch.length)) // a slow service
    return batch.map((order) => ({ ...order, price: order.id % 90 }))
  },
}))

let stored = 0
let tellEnough = () => {}
const enough = new Promise<void>((resolve) => {
  tellEnough = resolve
})
const store = consumer<PricedOrder>(() => ({
  subscribeTo: [{ to: 'prices', maxDemand: 40, minDemand: 20 }],
  handleEvents: (batch) => {
    stored += batch.length
    if (stored >= 200) tellEnough()
  },
}))

const system = new System()
await system.start(
  supervisor({
    strategy: 'restForOne',
    children: [
      { id: 'orders', name: 'orders', start: orders },
      { id: 'prices', name: 'prices', start: prices },
      { id: 'store', name: 'store', start: store },
    ],
  }),
)
await enough

const picture = system.inspect()
await system.stop()

console.log(`the bottleneck: ${bottleneck(picture)?.stage.name}`)
console.log(formatFlow(picture))
// prints: the bottleneck: prices
// prints: stage …
// prints: orders …
// prints: …prices…outstanding…
// prints: prices …
// prints: …store…outstanding…
// prints: store …
// prints: …
// prints: `prices` is the bottleneck: it is busy …
