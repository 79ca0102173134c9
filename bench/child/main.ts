/**
 * A child process: one session of one contender, driven over IPC. Arguments: the contender's name and the place's URL. It
 * ends when it was closed, and when the harness is gone.
 */

import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

import { loadContender } from '../contenders.ts'
import type { Payload } from '../contender.ts'
import { now } from './clock.ts'
import type { Amount, FromChild, PacedTimes, ToChild, Verb, Verbs } from './verbs.ts'

const BULK = 2_000
const TELL_EVERY_MS = 10

const [name = '', url = ''] = process.argv.slice(2)
const contender = await loadContender(name)
const session = await contender.open(url)

let handled = 0
let told = 0
let lastStart = 0
let handledElsewhere = 0
let isFeeding = false
const starts: number[] = []

const verbs: Verbs = {
  prepare: () => session.prepare(),

  preload: ({ jobs, delaySeconds = 0 }) =>
    timed(async () => {
      for (let first = 0; first < jobs; first += BULK) {
        await session.enqueueAll(payloads(first, Math.min(BULK, jobs - first)), { delaySeconds })
      }
      return jobs
    }),

  start: async ({ queues, remembersStarts = false }) => {
    const count = () => {
      handled += 1
    }
    const remember = ({ id }: Payload) => {
      lastStart = now()
      starts[id] = lastStart
      handled += 1
    }
    await session.start(remembersStarts ? remember : count, queues)
  },

  starts: () => Promise.resolve(Array.from(starts, (at) => at ?? 0)),

  callers: ({ callers, seconds }) =>
    timed(async () => {
      const end = performance.now() + seconds * 1_000
      let id = 0
      const call = async () => {
        while (performance.now() < end) await session.enqueue(payload(id++))
      }
      await Promise.all(Array.from({ length: callers }, call))
      return id
    }),

  bulk: ({ size, seconds }) =>
    timed(async () => {
      const end = performance.now() + seconds * 1_000
      let id = 0
      for (; performance.now() < end; id += size) await session.enqueueAll(payloads(id, size))
      return id
    }),

  paced: ({ perSecond, seconds, patienceSeconds }) => paced(perSecond, seconds * perSecond, patienceSeconds),

  batch: async ({ firstId, jobs }) => {
    await session.enqueueAll(payloads(firstId, jobs))
    return now()
  },

  feed: async ({ size, ahead, limitSeconds }) => {
    const end = performance.now() + limitSeconds * 1_000
    isFeeding = true
    let fed = 0
    while (isFeeding && performance.now() < end) {
      if (fed - handledElsewhere > ahead) {
        await sleep(2)
        continue
      }
      await session.enqueueAll(payloads(fed, size))
      fed += size
    }
    return fed
  },

  endFeed: () => {
    isFeeding = false
    return Promise.resolve()
  },

  close: async () => {
    await session.close()
  },
}

function payload(id: number): Payload {
  return { id, email: `user${id}@example.org` }
}

function payloads(first: number, count: number): Payload[] {
  return Array.from({ length: count }, (_, index) => payload(first + index))
}

async function timed(work: () => Promise<number>): Promise<Amount> {
  const startedAt = performance.now()
  const jobs = await work()
  return { jobs, seconds: (performance.now() - startedAt) / 1_000 }
}

async function paced(perSecond: number, jobs: number, patienceSeconds: number): Promise<PacedTimes> {
  const called: number[] = []
  const returned: number[] = Array.from({ length: jobs }, () => 0)
  const calls: Promise<void>[] = []
  const startedAt = performance.now()
  while (called.length < jobs) {
    const due = Math.min(jobs, Math.floor(((performance.now() - startedAt) / 1_000) * perSecond) + 1)
    while (called.length < due) {
      const id = called.length
      called.push(now())
      calls.push(
        session.enqueue(payload(id)).then(() => {
          returned[id] = now()
        }),
      )
    }
    await sleep(1)
  }
  await Promise.race([Promise.all(calls), sleep(patienceSeconds * 1_000)])
  return { called, returned }
}

function send(message: FromChild): void {
  process.send?.(message)
}

async function answer(call: number, verb: Verb, options: unknown): Promise<void> {
  try {
    // The harness sends the options that belong to the verb; its caller is typed by the same table.
    const perform = verbs[verb] as (options: unknown) => Promise<unknown>
    const value = await perform(options)
    send({ call, value })
    if (verb === 'close') process.disconnect()
  } catch (error) {
    send({ call, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) })
  }
}

process.on('message', (message: ToChild) => {
  if ('handledElsewhere' in message) handledElsewhere = message.handledElsewhere
  else void answer(message.call, message.verb, message.options)
})
process.on('disconnect', () => process.exit())

setInterval(() => {
  if (handled === told) return
  told = handled
  send({ handled, lastStart })
}, TELL_EVERY_MS)

send({ isReady: true })
