// A consumer that writes to SQLite, one transaction for each batch. The batcher waits for a hundred events, or a second.
import { DatabaseSync } from '@photostructure/sqlite'
import { batcher, consumer, producer, System, type EventBatch } from 'millrace/stage'

interface Order {
  readonly id: number
  readonly total: number
}

const orders = producer<Order>((self) => {
  let id = 0
  return {
    handleDemand: (demand) => {
      const batch = Array.from({ length: Math.min(demand, 1050 - id) }, () => ({ id: ++id, total: id % 50 }))
      if (id === 1050) self.ref.asyncInfo('done')
      return batch
    },
    handleInfo: () => self.stop(),
  }
})

const batches = batcher<Order>({ size: 100, withinMs: 1000, subscribeTo: [{ to: orders, maxDemand: 200 }] })

const database = new DatabaseSync(':memory:')
database.exec('create table orders (id integer primary key, total integer)')

let transactions = 0
const writer = consumer<EventBatch<Order>>(() => {
  const insert = database.prepare('insert into orders (id, total) values (?, ?)')
  return {
    subscribeTo: [{ to: batches, maxDemand: 2, cancel: 'transient' }],
    handleEvents: (given) => {
      for (const { events } of given) {
        database.exec('begin')
        for (const { id, total } of events) insert.run(id, total)
        database.exec('commit')
        transactions++
      }
    },
  }
})

const system = new System()
await system.start(orders)
await system.start(batches)
await system.start(writer)
await system.idle()
await system.stop()

const stored = database.prepare('select count(*) as orders, sum(total) as total from orders').get() as object
console.log(JSON.stringify(stored))
console.log(`${transactions} transactions`)
database.close()
// prints: {"orders":1050,"total":25725}
// prints: 11 transactions
