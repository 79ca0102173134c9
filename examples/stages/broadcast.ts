// Each order goes to three consumers: a database writer, a collector of metrics, and a notifier that wants only the big ones.
// All go at the pace of the slowest, so none of them falls behind and nothing piles up.
import { DatabaseSync } from '@photostructure/sqlite'
import { broadcastDispatcher, consumer, producer, System } from 'millrace/stage'

interface Order {
  readonly id: number
  readonly total: number
}

const orders = producer<Order>((self) => {
  let id = 0
  return {
    dispatcher: broadcastDispatcher<Order>(),
    // Nothing flows before all three are there.
    demand: 'accumulate',
    handleDemand: (demand) => {
      const batch = Array.from({ length: Math.min(demand, 500 - id) }, () => ({ id: ++id, total: id % 100 }))
      if (id === 500) self.ref.asyncInfo('done')
      return batch
    },
    handleInfo: () => self.stop(),
  }
})

const database = new DatabaseSync(':memory:')
database.exec('create table orders (id integer primary key, total integer)')
const writer = consumer<Order>(() => {
  const insert = database.prepare('insert into orders values (?, ?)')
  return {
    subscribeTo: [{ to: orders, maxDemand: 100, cancel: 'transient' }],
    handleEvents: async (batch) => {
      await new Promise((resolve) => setTimeout(resolve, 2)) // a slow disk
      database.exec('begin')
      for (const { id, total } of batch) insert.run(id, total)
      database.exec('commit')
    },
  }
})

const metrics = { orders: 0, revenue: 0 }
const collector = consumer<Order>(() => ({
  subscribeTo: [{ to: orders, maxDemand: 50, cancel: 'transient' }],
  handleEvents: (batch) => {
    metrics.orders += batch.length
    for (const { total } of batch) metrics.revenue += total
  },
}))

const notified: number[] = []
const notifier = consumer<Order>(() => ({
  subscribeTo: [{ to: orders, maxDemand: 20, cancel: 'transient', selector: ({ total }: Order) => total >= 98 }],
  handleEvents: (batch) => {
    for (const { id } of batch) notified.push(id)
  },
}))

const system = new System()
const source = await system.start(orders)
for (const stage of [writer, collector, notifier]) await system.start(stage)
source.demand('forward')
await system.idle()
await system.stop()

const { rows } = database.prepare('select count(*) as rows from orders').get() as { rows: number }
console.log(`stored: ${rows}`)
console.log(`counted: ${metrics.orders}, revenue ${metrics.revenue}`)
console.log(`notified of: ${notified.join(' ')}`)
database.close()
// prints: stored: 500
// prints: counted: 500, revenue 24750
// prints: notified of: 98 99 198 199 298 299 398 399 498 499
