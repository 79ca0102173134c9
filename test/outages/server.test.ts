/** The server dies, starts again, refuses to write, is demoted and promoted, or has no connection left. */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import {
  allEndedOnce,
  anOutagePlace,
  oddRefusals,
  type OutagePlace,
  RESUMES_WITHIN_MS,
} from '../support/outage-place.ts'
import { administer, startPostgres, type PostgresServer } from '../support/postgres-server.ts'
import { passRealTime } from '../support/real-time.ts'
import { eventsOf } from '../support/runner.ts'

async function aServer(): Promise<PostgresServer> {
  const server = await startPostgres()
  onTestFinished(() => server.close())
  return server
}

async function aPlaceOn(server: PostgresServer, name: string) {
  const place = await anOutagePlace({ url: await server.createDatabase(name) })
  return { place, bad: eventsOf(place.runner, 'node:fenced', 'queue:crash') }
}

/** The processes behind the connections of the worker. */
async function backends(place: OutagePlace): Promise<number[]> {
  const rows = await place.admin(`select pid from pg_stat_activity where application_name = 'millrace'`)
  return rows.map(({ pid }) => Number(pid))
}

const isUp = (server: PostgresServer) =>
  administer(server.url(), 'select 1').then(
    () => true,
    () => false,
  )

describe('a server that', () => {
  it('is killed or stopped, and starts again, is back at work within two seconds, with the same leases', async () => {
    const server = await aServer()
    const { place, bad } = await aPlaceOn(server, 'app')
    for (const end of ['kill9', 'stop', 'kill9'] as const) {
      const stream = place.stream()
      // Their starts are on the disk, and so are their claims; they end while the server is away.
      const long = [await place.enqueue(1_500), await place.enqueue(1_500)]
      await eventually(async () => (await place.admin('select 1 from millrace.job where started_at > 0')).length === 2)
      await server[end]()
      await eventually(() => (place.runner.inspect().worker?.outbox ?? 0) >= 2)
      await server.restart()
      await eventually(() => isUp(server))
      const upAt = Date.now()
      expect(await place.startedAfter(upAt)).toBeLessThan(upAt + RESUMES_WITHIN_MS)
      await Promise.all(long.map((id) => place.runner.result(id, { timeout: '3s' })))
      await stream.stop()
    }
    expect(oddRefusals(place)).toEqual([])
    const account = await place.account()
    // Claims are not on the disk at once: what a crash took back ran here already, and its end was refused.
    expect({ ...account, ranTwice: [], stale: 0 }).toEqual(allEndedOnce(place))
    expect(account.ranTwice.length).toBeLessThanOrEqual(account.stale)
    expect(bad).toEqual([])
  })

  it('refuses to write is left at once: no connection to it is kept', async () => {
    const server = await aServer()
    const { place, bad } = await aPlaceOn(server, 'app')
    const stream = place.stream()
    await eventually(() => place.ids.length > 20)
    const before = await backends(place)
    await place.admin('alter system set default_transaction_read_only = on')
    await place.admin('select pg_reload_conf()')
    await eventually(() => place.refusals.length > 0)
    await eventually(async () => !(await backends(place)).some((pid) => before.includes(pid)), { everyMs: 100 })
    await place.admin('alter system reset default_transaction_read_only')
    await place.admin('select pg_reload_conf()')
    const writableAt = Date.now()
    expect(await place.startedAfter(writableAt)).toBeLessThan(writableAt + RESUMES_WITHIN_MS)
    await stream.stop()
    expect(new Set(place.refusals)).toEqual(new Set(['ERR_STORE_UNAVAILABLE']))
    expect(await place.account()).toEqual(allEndedOnce(place))
    // No beat was confirmed for as long as the server took none: at ten seconds a node fences itself, and goes on.
    expect(bad.filter(({ name }) => name !== 'node:fenced')).toEqual([])
  })

  it('comes back as a standby is waited for until it is promoted', async () => {
    const server = await aServer()
    const { place, bad } = await aPlaceOn(server, 'app')
    const stream = place.stream()
    await eventually(() => place.ids.length > 20)
    await server.stop()
    writeFileSync(join(server.dataFolder, 'standby.signal'), '')
    await server.restart()
    await eventually(() => isUp(server))
    await eventually(() => place.troubles.some(({ code }) => code === 'ERR_STORE_UNAVAILABLE'))
    await passRealTime(1_500)
    // Its processes come and go: what cannot write is not kept.
    const some = await backends(place)
    await eventually(async () => !(await backends(place)).some((pid) => some.includes(pid)), { everyMs: 100 })
    await place.admin('select pg_promote()')
    const promotedAt = Date.now()
    expect(await place.startedAfter(promotedAt)).toBeLessThan(promotedAt + RESUMES_WITHIN_MS)
    await stream.stop()
    expect(await place.account()).toEqual(allEndedOnce(place))
    expect(bad).toEqual([])
  })

  it('has no connection left is asked again until it has; the connections that are there work on', async () => {
    const server = await aServer()
    await server.createDatabase('app')
    await administer(
      server.url('app'),
      'create role app login; grant all on database app to app; grant all on schema public to app',
    )
    const url = server.url('app').replace('postgres@', 'app@')
    const place = await anOutagePlace({ url })
    const admin = (statement: string) => administer(server.url('app'), statement)
    const stream = place.stream()
    await eventually(() => place.ids.length > 20)
    await admin('alter role app connection limit 0')
    const fullAt = Date.now()
    // Whoever has a connection does not notice.
    expect(await place.startedAfter(fullAt)).toBeLessThan(fullAt + 1_000)
    await admin(`select pg_terminate_backend(pid) from pg_stat_activity where usename = 'app'`)
    await eventually(() => place.refusals.length > 0)
    await passRealTime(2_000)
    expect(oddRefusals(place)).toEqual([])
    await admin('alter role app connection limit -1')
    const freeAt = Date.now()
    expect(await place.startedAfter(freeAt)).toBeLessThan(freeAt + RESUMES_WITHIN_MS)
    await stream.stop()
    expect(await place.account()).toEqual(allEndedOnce(place))
  })
})
