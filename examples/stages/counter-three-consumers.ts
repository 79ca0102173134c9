// One producer and three consumers under a supervisor. Each number goes to one of them; a slow one asks less often and gets fewer.
import { setTimeout as sleep } from 'node:timers/promises'
import { consumer, producer, supervisor, System } from 'millrace/stage'

const LAST = 300

const counter = producer<number>((self) => {
  let next = 1
  return {
    handleDemand: (demand) => {
      const numbers = Array.from({ length: Math.min(demand, LAST + 1 - next) }, () => next++)
      // An info that waits behind the numbers: when it arrives, all of them are on their way.
      if (next > LAST) self.ref.asyncInfo('counted')
      return numbers
    },
    handleInfo: () => self.stop(),
  }
})

const got = new Map<string, number[]>()

const worker = (name: string, pauseMs: number) =>
  consumer<number>(() => {
    const mine: number[] = []
    got.set(name, mine)
    return {
      // The name is looked up at each start, so a restarted worker finds a restarted counter.
      subscribeTo: [{ to: 'counter', maxDemand: 10, cancel: 'transient' }],
      handleEvents: async (numbers) => {
        await sleep(pauseMs)
        mine.push(...numbers)
      },
    }
  })

const system = new System()
await system.start(
  supervisor({
    strategy: 'restForOne',
    children: [
      { id: 'counter', start: counter, name: 'counter', restart: 'transient' },
      { id: 'fast-1', start: worker('fast-1', 1) },
      { id: 'fast-2', start: worker('fast-2', 1) },
      { id: 'slow', start: worker('slow', 40) },
    ],
  }),
)
await system.idle()
await system.stop()

const lists = [...got.values()]
const all = lists.flat().sort((one, other) => one - other)
const count = (name: string) => got.get(name)?.length ?? 0
const inOrder = (list: readonly number[]) =>
  list.every((number, index) => index === 0 || number > (list[index - 1] ?? 0))
console.log(`${all.length} numbers, each once: ${all.every((number, index) => number === index + 1)}`)
console.log(`the slow one got fewest: ${count('slow') < Math.min(count('fast-1'), count('fast-2'))}`)
console.log(`everyone in order: ${lists.every(inOrder)}`)
// prints: 300 numbers, each once: true
// prints: the slow one got fewest: true
// prints: everyone in order: true
