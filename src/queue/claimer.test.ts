import { describe, expect, it } from 'vitest'

import { aClaimedJob, aStore } from '../../test/support/factories.ts'
import { gate } from '../../test/support/gate.ts'
import { settled, testHost } from '../../test/support/test-host.ts'
import type { ClaimedJob } from '../job/job.ts'
import { storeError } from '../store/errors.ts'
import type { ClaimAnswer, ClaimRequest } from '../store/store.ts'
import { Claimer, type JobsClaimed, type JobSink } from './claimer.ts'
import { Ledger } from './ledger.ts'

/** A claimer whose store answers what `answer` says. */
function aClaimer(answer: (request: ClaimRequest) => ClaimAnswer | Promise<ClaimAnswer>) {
  const host = testHost()
  const claims: ClaimRequest['wants'][] = []
  const given: ClaimedJob[] = []
  const errors: unknown[] = []
  const broken: string[] = []
  let fences = 0
  const ledger = new Ledger(host.clock, () => {})
  const store = aStore({
    claimJobs: async (request) => {
      claims.push(request.wants)
      return answer(request)
    },
  })
  let isHeard = true
  const claimer = new Claimer(host, {
    node: 'node-1',
    store,
    ledger,
    isHeard: () => isHeard,
    giveBack: (jobs) => given.push(...jobs),
    onFenced: () => (fences += 1),
    onError: (error) => errors.push(error),
    onBroken: (jobs) => broken.push(...jobs.map(({ id }) => id)),
  })
  const silence = (): void => void (isHeard = false)
  return { host, claimer, ledger, claims, given, errors, broken, silence, fences: () => fences }
}

function aSink(): JobSink & { readonly jobs: ClaimedJob[]; isAlive: boolean } {
  const jobs: ClaimedJob[] = []
  return { isAlive: true, jobs, cast: (message: JobsClaimed) => void jobs.push(...message.jobs) }
}

/** An answer without jobs after a search that came to its end, but for what is given. */
function anAnswer(rest: Partial<ClaimAnswer> = {}): ClaimAnswer {
  return { jobs: [], broken: [], nextDueInMs: null, lookAgainInMs: null, unfinished: [], isFenced: false, ...rest }
}

/** As many jobs as are asked for, for each queue. */
function plenty({ wants }: ClaimRequest): ClaimAnswer {
  const jobs = wants.flatMap(({ queue, count }) => Array.from({ length: count }, () => aClaimedJob({ queue })))
  return anAnswer({ jobs })
}

describe('Claimer', () => {
  it('asks nothing of the store while nobody wants anything', async () => {
    const { claimer, claims, host } = aClaimer(plenty)
    claimer.attach('default', aSink())
    claimer.ask('default', 0)
    claimer.wake()
    await host.clock.advance(60_000)
    expect(claims).toEqual([])
  })

  it('hands back what it claimed when the node was not heard of meanwhile', async () => {
    const { claimer, claims, given, ledger, silence } = aClaimer(plenty)
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 2)
    await settled()
    expect([sink.jobs.length, given.length]).toEqual([2, 0])
    silence()
    claimer.ask('default', 1)
    await settled()
    expect([sink.jobs.length, ledger.size, given.length, claims.length]).toEqual([2, 2, 1, 2])
  })

  it('claims nothing while it is quiet, hands back what it was claiming, and then goes on', async () => {
    const { claimer, claims, given, ledger } = aClaimer(plenty)
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 2)
    await Promise.resolve()
    expect(claims).toHaveLength(1)
    claimer.quiet(true)
    await settled()
    expect([sink.jobs.length, ledger.size, given.length]).toEqual([0, 0, 2])
    claimer.wake()
    claimer.ask('default', 1)
    await settled()
    expect(claims).toHaveLength(1)
    claimer.quiet(false)
    await settled()
    expect(claims[1]).toEqual([{ queue: 'default', count: 3 }])
    expect(sink.jobs).toHaveLength(3)
  })

  it('gathers what all queues ask for in one turn into one claim', async () => {
    const { claimer, claims } = aClaimer(plenty)
    const [mail, images] = [aSink(), aSink()]
    claimer.attach('mail', mail)
    claimer.attach('images', images)
    claimer.ask('mail', 1)
    claimer.ask('images', 2)
    claimer.ask('mail', 1)
    await settled()
    expect(claims).toEqual([
      [
        { queue: 'mail', count: 2 },
        { queue: 'images', count: 2 },
      ],
    ])
    expect([mail.jobs.length, images.jobs.length]).toEqual([2, 2])
    expect([claimer.demandOf('mail'), claimer.demandOf('images')]).toEqual([0, 0])
  })

  it('has one claim under way at most, and puts what is asked meanwhile into the next', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, claims } = aClaimer((request) => (claims.length === 1 ? first.passed : plenty(request)))
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await settled()
    claimer.ask('default', 2)
    await settled()
    expect(claims.length).toBe(1)
    first.open(anAnswer({ jobs: [aClaimedJob()] }))
    await settled()
    expect(claims).toEqual([[{ queue: 'default', count: 1 }], [{ queue: 'default', count: 2 }]])
    expect(sink.jobs.length).toBe(3)
  })

  it('does not ask a dry queue again before the poll, but then does', async () => {
    const { claimer, claims, host } = aClaimer(() => anAnswer())
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await host.clock.advance(999)
    claimer.ask('default', 1)
    expect(claims.length).toBe(1)
    await host.clock.advance(1)
    expect(claims).toEqual([[{ queue: 'default', count: 1 }], [{ queue: 'default', count: 2 }]])
  })

  it('asks a dry queue again when the store advised it, and takes its newest advice', async () => {
    const advice = [5, 5, null]
    const { claimer, claims, host } = aClaimer(() => anAnswer({ lookAgainInMs: advice.shift() ?? null }))
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await host.clock.advance(4)
    claimer.ask('default', 1)
    expect(claims.length).toBe(1)
    await host.clock.advance(1)
    expect(claims.length).toBe(2)
    await host.clock.advance(5)
    expect(claims.length).toBe(3)
    await host.clock.advance(999)
    expect(claims.length).toBe(3)
    await host.clock.advance(1)
    expect(claims.length).toBe(4)
  })

  it('asks a dry queue at once when a job was enqueued there, and no other', async () => {
    const { claimer, claims } = aClaimer(() => anAnswer())
    for (const queue of ['mail', 'images']) claimer.attach(queue, aSink())
    for (const queue of ['mail', 'images']) claimer.ask(queue, 1)
    await settled()
    claimer.wake('mail')
    await settled()
    expect(claims[1]).toEqual([{ queue: 'mail', count: 1 }])
    expect(claims.length).toBe(2)
  })

  it('does not lose a hint that comes while a claim is under way', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, claims } = aClaimer((request) => (claims.length === 1 ? first.passed : plenty(request)))
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await settled()
    claimer.wake('default')
    first.open(anAnswer())
    await settled()
    expect(claims.length).toBe(2)
    expect(sink.jobs.length).toBe(1)
  })

  it('asks on at once when the store gave less than asked but has not searched to the end', async () => {
    const unfinished = ['default']
    const answers = [anAnswer({ unfinished }), anAnswer({ unfinished }), undefined]
    const { claimer, claims } = aClaimer((request) => answers.shift() ?? plenty(request))
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await settled()
    expect(claims.length).toBe(3)
    expect(sink.jobs.length).toBe(1)
  })

  it('asks on in the queue alone that was not searched to the end', async () => {
    const answers = [anAnswer({ unfinished: ['mail'] }), anAnswer()]
    const { claimer, claims, host } = aClaimer(() => answers.shift() ?? anAnswer())
    for (const queue of ['mail', 'images']) claimer.attach(queue, aSink())
    for (const queue of ['mail', 'images']) claimer.ask(queue, 1)
    await host.clock.advance(999)
    expect(claims).toEqual([
      [
        { queue: 'mail', count: 1 },
        { queue: 'images', count: 1 },
      ],
      [{ queue: 'mail', count: 1 }],
    ])
  })

  it('lets a queue that gave all it was asked for be asked again without a hint', async () => {
    const { claimer, claims } = aClaimer(plenty)
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await settled()
    claimer.ask('default', 1)
    await settled()
    expect(claims.length).toBe(2)
  })

  it('does not lose a hint that comes in the middle of a search of several claims', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, claims, host } = aClaimer(() => (claims.length === 1 ? first.passed : anAnswer()))
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await settled()
    claimer.wake('default')
    first.open(anAnswer({ unfinished: ['default'] }))
    await host.clock.advance(999)
    // The first two are one search, which may have passed the place of the new job; the third is the one for the hint.
    expect(claims.length).toBe(3)
  })

  it('looks again when the next scheduled job is due', async () => {
    const { claimer, claims, host } = aClaimer(() => anAnswer({ nextDueInMs: 300 }))
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await host.clock.advance(299)
    expect(claims.length).toBe(1)
    await host.clock.advance(1)
    expect(claims.length).toBe(2)
  })

  it('looks when it was told that a job will be due, however far the poll is', async () => {
    const { claimer, claims, host } = aClaimer(() => anAnswer())
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await settled()
    claimer.wakeIn(40)
    await host.clock.advance(40)
    expect(claims.length).toBe(2)
  })

  it('gives back what the successor of a dead producer did not ask for', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, given, ledger } = aClaimer(() => first.passed)
    const [dead, successor] = [aSink(), aSink()]
    claimer.attach('default', dead)
    claimer.ask('default', 3)
    await settled()
    dead.isAlive = false
    claimer.attach('default', successor)
    claimer.ask('default', 1)
    const jobs = [aClaimedJob(), aClaimedJob(), aClaimedJob()]
    first.open(anAnswer({ jobs }))
    await settled()
    expect(dead.jobs).toEqual([])
    expect(successor.jobs).toEqual(jobs.slice(0, 1))
    expect(given).toEqual(jobs.slice(1))
    expect(ledger.size).toBe(1)
  })

  it('lets a producer take back what is not being claimed yet', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, claims, given } = aClaimer((request) => (claims.length === 1 ? first.passed : plenty(request)))
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 5)
    claimer.ask('default', -2)
    await settled()
    expect(claims).toEqual([[{ queue: 'default', count: 3 }]])
    // What is being claimed comes all the same, and to the one who asked; later demand is met by it first.
    claimer.ask('default', -2)
    first.open(anAnswer({ jobs: [aClaimedJob(), aClaimedJob(), aClaimedJob()] }))
    await settled()
    expect([sink.jobs.length, given, claimer.demandOf('default')]).toEqual([3, [], 0])
    claimer.ask('default', 2)
    await settled()
    expect(claims.length).toBe(1)
    claimer.ask('default', 1)
    await settled()
    expect(claims[1]).toEqual([{ queue: 'default', count: 1 }])
  })

  it('brings the demand of a queue up to date before a claim that it makes anyway, and only then', async () => {
    const { claimer, claims } = aClaimer(plenty)
    let updates = 0
    claimer.attach('default', aSink(), () => {
      updates += 1
      claimer.ask('default', updates === 1 ? 9 : -1)
    })
    claimer.attach('other', aSink())
    claimer.ask('other', 1)
    await settled()
    expect(updates).toBe(0)
    claimer.ask('default', 1)
    await settled()
    expect(claims[1]).toEqual([{ queue: 'default', count: 10 }])
    claimer.ask('default', 1)
    await settled()
    expect([updates, claims.length]).toEqual([2, 2])
  })

  it('waits longer after each failure of the store, within bounds, and recovers', async () => {
    let isUp = false
    const { claimer, claims, errors, host } = aClaimer((request) => {
      if (!isUp) throw storeError('ERR_STORE_UNAVAILABLE', 'busy')
      return plenty(request)
    })
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await host.clock.advance(1_000)
    const early = claims.length
    expect(early).toBeGreaterThanOrEqual(3)
    await host.clock.advance(60_000)
    expect(claims.length - early).toBeLessThanOrEqual(120)
    expect(errors.length).toBe(claims.length)
    isUp = true
    await host.clock.advance(1_000)
    expect(sink.jobs.length).toBe(1)
  })

  it('takes a fault at its own trace point for a failure of the store', async () => {
    const { claimer, errors, host } = aClaimer(plenty)
    let throwsLeft = 1
    host.trace.at('claimer.claim', () => {
      if (throwsLeft-- > 0) throw new Error('planted')
    })
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await host.clock.advance(100)
    expect(errors.length).toBe(1)
    expect(sink.jobs.length).toBe(1)
  })

  it('says once that the node is fenced, and claims nothing more by itself', async () => {
    const { claimer, claims, fences, host } = aClaimer(() => anAnswer({ isFenced: true }))
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await settled()
    expect([fences(), claims.length]).toEqual([1, 1])
    await claimer.stop()
    await host.clock.advance(10_000)
    expect(claims.length).toBe(1)
  })

  it('hands back the answer of a claim that was under way when it was stopped', async () => {
    const first = gate<ClaimAnswer>()
    const { claimer, given, claims, host } = aClaimer(() => first.passed)
    const sink = aSink()
    claimer.attach('default', sink)
    claimer.ask('default', 1)
    await settled()
    const stopped = claimer.stop()
    const jobs = [aClaimedJob()]
    first.open(anAnswer({ jobs, nextDueInMs: 5 }))
    await stopped
    expect([sink.jobs, given]).toEqual([[], jobs])
    claimer.ask('default', 5)
    claimer.wake()
    await host.clock.advance(10_000)
    expect(claims.length).toBe(1)
  })

  it('reports rows that could not be read', async () => {
    const error = { name: 'Error', message: 'x' }
    const { claimer, broken } = aClaimer(() => anAnswer({ broken: [{ id: 'a', queue: 'default', error }] }))
    claimer.attach('default', aSink())
    claimer.ask('default', 1)
    await settled()
    expect(broken).toEqual(['a'])
  })

  it('never has more jobs out than were asked for, whatever happens between', async () => {
    const { claimer, host } = aClaimer(plenty)
    const sink = aSink()
    claimer.attach('default', sink)
    let asked = 0
    for (let round = 0; round < 50; round++) {
      const count = Math.floor(host.random.float() * 4)
      asked += count
      claimer.ask('default', count)
      if (host.random.float() < 0.5) claimer.wake()
      if (host.random.float() < 0.5) await settled()
    }
    await settled()
    expect(sink.jobs.length).toBe(asked)
  })
})
