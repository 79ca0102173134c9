// A producer that makes at most ten events in 100 ms, however much its consumer asks for.
import { consumer, rateLimitedProducer, System } from 'millrace/stage'

let next = 1
const requests = rateLimitedProducer<number>({
  limit: 10,
  intervalMs: 100,
  produce: (demand) => Array.from({ length: demand }, () => next++),
})

const arrivals: { readonly request: number; readonly atMs: number }[] = []
let tellDone = () => {}
const done = new Promise<void>((resolve) => {
  tellDone = resolve
})

const caller = consumer<number>(() => ({
  subscribeTo: [{ to: requests, maxDemand: 1000 }],
  handleEvents: (batch) => {
    for (const request of batch) arrivals.push({ request, atMs: performance.now() })
    if (arrivals.length >= 40) tellDone()
  },
}))

const system = new System()
await system.start(requests)
await system.start(caller)
await done
await system.stop()

const [first, ...others] = arrivals
console.log(`${arrivals.length} requests`)
// Ten at once, then ten each 100 ms: the last of forty comes after three intervals.
const tookMs = (others.at(-1)?.atMs ?? 0) - (first?.atMs ?? 0)
console.log(`in no less than 290 ms: ${tookMs >= 290}`)
// prints: 40 requests
// prints: in no less than 290 ms: true
