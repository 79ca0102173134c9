/** The network swallows everything without closing a connection, on all of them or on some. */

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { allEndedOnce, anOutagePlace, AWAY, oddRefusals, someEndWhile } from '../support/outage-place.ts'
import { passRealTime } from '../support/real-time.ts'

describe('a network that swallows everything', () => {
  it('is noticed within twelve seconds, leaves no call hanging, and work goes on within three when it heals', async () => {
    const place = await anOutagePlace()
    const { proxy, runner } = place
    await someEndWhile(place, () => proxy.blackhole())
    const brokenAt = Date.now()
    const calls = ['enqueue', 'job', 'queues'].map(async (method) => {
      const call =
        method === 'enqueue'
          ? place.runner.enqueue('work.run', [0])
          : method === 'job'
            ? runner.job(place.ids[0] ?? '')
            : runner.queues()
      const code = await call.then(
        () => 'it worked',
        (error: unknown) => (error as { code?: string }).code,
      )
      return { code, afterMs: Date.now() - brokenAt }
    })
    for (const { code, afterMs } of await Promise.all(calls)) {
      expect(code).toMatch(AWAY)
      expect(afterMs).toBeLessThan(12_000)
    }
    expect((await eventually(() => place.troubles[0])).at - brokenAt).toBeLessThan(12_000)
    const stream = place.stream()
    await passRealTime(Math.max(0, brokenAt + 15_000 - Date.now()))
    await proxy.heal()
    const healedAt = Date.now()
    expect(await place.startedAfter(healedAt)).toBeLessThan(healedAt + 3_000)
    await stream.stop()
    expect(oddRefusals(place)).toEqual([])
    const account = await place.account()
    // The rejected call may have come through after all.
    expect({ ...account, ended: place.ids.length }).toEqual(allEndedOnce(place))
  })

  it('is gone around on new connections where the old ones are dead for good', async () => {
    const place = await anOutagePlace()
    const { proxy, admin } = place
    await place.enqueue()
    await eventually(() => proxy.connections.length >= 5)
    const dead = await admin(`select pid from pg_stat_activity where application_name = 'millrace'`)
    proxy.blackhole({ which: () => true, forGood: true })
    const brokenAt = Date.now()
    const stream = place.stream()
    expect((await place.startedAfter(brokenAt)) - brokenAt).toBeLessThan(14_000)
    await stream.stop()
    const account = await place.account()
    expect(account).toEqual(allEndedOnce(place))
    expect(dead.length).toBeGreaterThan(3)
  })

  it('does not leave locks behind that a transaction held', async () => {
    const place = await anOutagePlace()
    const { proxy, runner, admin } = place
    const id = await place.enqueue()
    await runner.result(id)
    await runner.pause('default')
    const parked = await place.enqueue()
    const open = (): Promise<readonly unknown[]> =>
      admin(`select 1 from pg_stat_activity where datname = current_database() and application_name = 'millrace'
        and state = 'idle in transaction'`)
    // A retry takes a transaction, which the network cuts off behind its first statement.
    let isCut = false
    const cut = eventually(
      () => {
        const isInside = ({ lastStatement }: { readonly lastStatement: string }): boolean =>
          lastStatement.startsWith('begin')
        isCut = proxy.connections.some(isInside)
        if (isCut) proxy.blackhole({ which: isInside, forGood: true })
        return isCut
      },
      { everyMs: 1 },
    )
    // The one that is cut off hangs, and is rejected later.
    while (!isCut) await Promise.race([cut, runner.retry(parked).catch(() => {})])
    await eventually(async () => (await open()).length === 1)
    await eventually(async () => (await open()).length === 0, { withinMs: 20_000, everyMs: 200 })
    await runner.resume('default')
    expect(await place.account()).toEqual(allEndedOnce(place))
  })
})

describe('notifications that are lost', () => {
  it('cost a few seconds at most, once: workers look by themselves', async () => {
    const place = await anOutagePlace()
    const { proxy, admin } = place
    await eventually(async () => (await admin('select 1 from millrace.wake where is_idle')).length === 1)
    proxy.blackhole({ which: ({ lastStatement }) => lastStatement.startsWith('listen'), forGood: true })
    const brokenAt = Date.now()
    await admin(
      `insert into millrace.job (name, queue, args, seq) select 'work.run', 'default', '[0]', nextval('millrace.job_seq')`,
    )
    expect((await place.startedAfter(brokenAt)) - brokenAt).toBeLessThan(6_000)
    // A new ear hears again.
    await eventually(
      async () =>
        (await admin(`select 1 from pg_stat_activity where query like 'listen %' and application_name = 'millrace'`))
          .length === 2,
      { withinMs: 15_000, everyMs: 100 },
    )
  })
})
