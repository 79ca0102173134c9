/** Single sessions end, and the server rolls work back for the sake of others. */

import { describe, expect, it } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { allEndedOnce, anOutagePlace, RESUMES_WITHIN_MS } from '../support/outage-place.ts'
import { eventsOf } from '../support/runner.ts'

/** What the connections of a worker did last, in SQL. */
const LANES = {
  claims: '%want as materialized%',
  acks: '%ack_lease_number%',
  general: '%insert into "millrace".job %',
  heart: '%set beat_at%',
  listener: 'listen %',
}

describe('a session that the server ends', () => {
  it.each(Object.entries(LANES))('is replaced, and nothing else happens: that of the %s', async (_, like) => {
    const place = await anOutagePlace()
    const { admin } = place
    const bad = eventsOf(place.runner, 'node:fenced', 'queue:crash')
    const stream = place.stream()
    const sessions = (): Promise<readonly Record<string, unknown>[]> =>
      admin(`select pid from pg_stat_activity where datname = current_database() and application_name = 'millrace'
        and query like '${like.replaceAll("'", "''")}'`)
    const [session] = await eventually(async () => {
      const found = await sessions()
      return found.length > 0 && found
    })
    expect(await admin(`select pg_terminate_backend(${String(session?.['pid'])}) as is_done`)).toEqual([
      { is_done: true },
    ])
    const endedAt = Date.now()
    expect(await place.startedAfter(endedAt)).toBeLessThan(endedAt + RESUMES_WITHIN_MS)
    // Another one does what it did.
    await eventually(async () => (await sessions()).some(({ pid }) => pid !== session?.['pid']), { withinMs: 8_000 })
    await stream.stop()
    expect(await place.account()).toEqual(allEndedOnce(place))
    expect(bad).toEqual([])
  })
})

describe('work that the server rolls back', () => {
  it.each([
    ['a deadlock', '40P01'],
    ['a serialization failure', '40001'],
  ])('because of %s is done again, and no caller notices', async (_, code) => {
    const place = await anOutagePlace()
    const { admin, runner } = place
    const bad = eventsOf(runner, 'node:fenced', 'queue:crash', 'store:error')
    // A sequence counts on through what is rolled back: two failures, then many that work, for each kind of statement.
    await admin(`
      create sequence public.insertions; create sequence public.updates; create sequence public.deletions;
      create function public.fail() returns trigger language plpgsql as $$ begin
        if nextval(tg_argv[0]) % 29 < 2 then raise exception 'rolled back' using errcode = '${code}'; end if;
        return null;
      end $$;
      create trigger a after insert on millrace.job for each statement execute function public.fail('insertions');
      create trigger b after update on millrace.job for each statement execute function public.fail('updates');
      create trigger c after delete on millrace.job for each statement execute function public.fail('deletions')`)
    const streams = [1, 2].map(() => place.stream())
    await eventually(() => place.ids.length > 120)
    await Promise.all(streams.map((stream) => stream.stop()))
    const held = await runner.enqueue('work.run', [0], { delay: '1h' })
    expect(await runner.cancel(held.id)).toMatchObject({ cancelled: 1 })
    expect(await place.account()).toMatchObject({ ...allEndedOnce(place), endedTwice: [] })
    expect(place.refusals).toEqual([])
    expect(bad).toEqual([])
    const [counts] = await admin(`select (select last_value from public.insertions) as insertions,
      (select last_value from public.updates) as updates, (select last_value from public.deletions) as deletions`)
    for (const count of Object.values(counts ?? {})) expect(Number(count)).toBeGreaterThan(30)
  })
})
