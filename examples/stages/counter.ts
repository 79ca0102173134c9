// A producer that counts, and one consumer. The consumer asks for five numbers at a time; nothing is counted that nobody asked for.
import { consumer, producer, System } from 'millrace/stage'

const counter = producer<number>(() => {
  let next = 0
  return {
    handleDemand: (demand) => {
      console.log(`counter: ${demand} wanted`)
      return Array.from({ length: demand }, () => next++)
    },
    terminate: () => console.log(`counter: stopped at ${next}`),
  }
})

let handled = 0
let tellEnough = () => {}
const enough = new Promise<void>((resolve) => {
  tellEnough = resolve
})

const printer = consumer<number>(() => ({
  subscribeTo: [{ to: counter, maxDemand: 5, minDemand: 0 }],
  handleEvents: (numbers, from) => {
    console.log(`printer: ${numbers.join(' ')}`)
    handled += numbers.length
    if (handled < 10) return
    from.cancel('normal')
    tellEnough()
  },
}))

const system = new System()
await system.start(counter)
await system.start(printer)
await enough
await system.idle()
await system.stop()
// prints: counter: 5 wanted
// prints: printer: 0 1 2 3 4
// prints: counter: 5 wanted
// prints: printer: 5 6 7 8 9
// prints: counter: stopped at 10
