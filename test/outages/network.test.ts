/** Connections between a worker and its database are reset, refused, or slow. */

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { allEndedOnce, anOutagePlace, oddRefusals, someEndWhile, RESUMES_WITHIN_MS } from '../support/outage-place.ts'
import { passRealTime } from '../support/real-time.ts'
import { eventsOf } from '../support/runner.ts'

describe('connections that are reset again and again', () => {
  it('cost nothing but time', async () => {
    const place = await anOutagePlace()
    const stream = place.stream()
    const until = Date.now() + 3_000
    let cuts = 0
    while (Date.now() < until) {
      await passRealTime(300)
      cuts += place.proxy.cut()
    }
    const quietAt = Date.now()
    expect(await place.startedAfter(quietAt)).toBeLessThan(quietAt + RESUMES_WITHIN_MS)
    await stream.stop()
    expect(cuts).toBeGreaterThan(10)
    expect(oddRefusals(place)).toEqual([])
    expect(await place.account()).toEqual(allEndedOnce(place))
  })
})

describe('a database that refuses connections', () => {
  it('is asked until it takes them; what ended meanwhile is written with the lease that it had', async () => {
    const place = await anOutagePlace()
    const { proxy, runner } = place
    const stream = place.stream()
    const waiting = await someEndWhile(place, async () => {
      await proxy.refuse()
      proxy.cut()
    })
    // Longer than the waits between tries take to grow to their full length.
    await passRealTime(4_000)
    expect(runner.inspect().worker?.outbox).toBeGreaterThanOrEqual(2)
    await proxy.heal()
    const healedAt = Date.now()
    expect(await place.startedAfter(healedAt)).toBeLessThan(healedAt + RESUMES_WITHIN_MS)
    await Promise.all(waiting.map((id) => runner.result(id, { timeout: '3s' })))
    await stream.stop()
    expect(oddRefusals(place)).toEqual([])
    expect(await place.account()).toEqual(allEndedOnce(place))
  })
})

describe('a database that takes two seconds for each answer', () => {
  it('slows the work down: nobody is called dead, nothing runs twice', async () => {
    const place = await anOutagePlace()
    const { proxy, runner } = place
    const bad = eventsOf(runner, 'node:fenced', 'node:rescue', 'queue:crash')
    const stream = place.stream()
    await eventually(() => place.ids.length > 5)
    proxy.delay(2_000)
    const slowAt = Date.now()
    const goesOn = eventually(() => place.starts.some((start) => start > slowAt), { withinMs: 30_000 })
    await Promise.all([goesOn, passRealTime(12_000)])
    await proxy.heal()
    const healedAt = Date.now()
    expect(await place.startedAfter(healedAt)).toBeLessThan(healedAt + RESUMES_WITHIN_MS)
    await stream.stop()
    expect(bad).toEqual([])
    expect(await place.account()).toEqual(allEndedOnce(place))
  })

  it('is waited for while answers trickle', async () => {
    const place = await anOutagePlace()
    const stream = place.stream()
    await eventually(() => place.ids.length > 3)
    place.proxy.trickle(400)
    await passRealTime(5_000)
    await place.proxy.heal()
    await stream.stop()
    expect(await place.account()).toEqual(allEndedOnce(place))
  })
})
