// A consumer that posts events to a server, four requests at a time. A request that fails is tried again; the demand waits for it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { consumer, producer, System } from 'millrace/stage'

// A server that refuses every seventh request.
let requests = 0
let open = 0
let mostOpen = 0
const received = new Set<number>()
const server = createServer((request, response) => {
  mostOpen = Math.max(mostOpen, ++open)
  let body = ''
  request.on('data', (chunk) => (body += chunk))
  request.on('end', () => {
    const isRefused = ++requests % 7 === 0
    if (!isRefused) received.add((JSON.parse(body) as { id: number }).id)
    setTimeout(() => {
      open--
      response.writeHead(isRefused ? 503 : 204).end()
    }, 2)
  })
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`

const events = producer<{ id: number }>((self) => {
  let id = 0
  return {
    handleDemand: (demand) => {
      const batch = Array.from({ length: Math.min(demand, 100 - id) }, () => ({ id: ++id }))
      if (id === 100) self.ref.asyncInfo('done')
      return batch
    },
    handleInfo: () => self.stop(),
  }
})

const sender = consumer<{ id: number }>((self) => {
  const send = async (event: { id: number }): Promise<void> => {
    for (let attempt = 1; attempt <= 5; attempt++) {
      const body = JSON.stringify(event)
      const response = await fetch(url, { method: 'POST', body, signal: self.signal })
      if (response.ok) return
    }
    throw new Error(`event ${event.id} was refused five times`)
  }
  return {
    // A batch is at most maxDemand - minDemand events, so that is how many requests are open.
    subscribeTo: [{ to: events, maxDemand: 4, minDemand: 0, cancel: 'transient' }],
    handleEvents: async (batch) => {
      await Promise.all(batch.map(send))
    },
  }
})

const system = new System()
await system.start(events)
await system.start(sender)
await system.idle()
await system.stop()
server.close()
server.closeAllConnections()

console.log(`received: ${received.size}`)
console.log(`requests: ${requests}, never more than ${mostOpen} at a time`)
// prints: received: 100
// prints: requests: …, never more than 4 at a time
