/** The proxy that the other tests here rely on does what it says. */

import pg from 'pg'
import { describe, expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { isCommit, startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts'

async function aProxy() {
  const { url } = await postgresDatabase()
  const proxy = await startTcpProxy({ port: Number(new URL(url).port) })
  onTestFinished(() => proxy.close())
  const direct = await connected(url)
  await direct.query('create table note (text text)')
  return { proxy, url: proxy.url(url), direct }
}

async function connected(connectionString: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 1_000, query_timeout: 1_000 })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => client.end())
  return client
}

/** What the driver says of a connection that broke. */
const BROKEN = /ECONNRESET|terminated|not queryable/

const countNotes = async (client: pg.Client) =>
  (await client.query<{ count: number }>('select count(*)::integer as count from note')).rows[0]?.count

async function timed(work: Promise<unknown>): Promise<number> {
  const from = performance.now()
  await work
  return performance.now() - from
}

const isOpen = (proxy: TcpProxy, count: number) => eventually(() => proxy.connections.length === count)

describe('the proxy', () => {
  it('passes everything on, large results and large statements too, and knows the statements', async () => {
    const { proxy, url } = await aProxy()
    const client = await connected(url)
    const text = 'ä'.repeat(1_000_000)
    expect((await client.query('select $1::text as text', [text])).rows[0]).toEqual({ text })
    await client.query({ name: 'add', text: 'insert into note values ($1)', values: ['a'] })
    await client.query('select 1')
    await client.query({ name: 'add', text: 'insert into note values ($1)', values: ['b'] })
    expect(proxy.connections.map(({ lastStatement }) => lastStatement)).toEqual(['insert into note values ($1)'])
    await client.end()
    await isOpen(proxy, 0)
  })

  it('cuts connections, chosen ones only where asked', async () => {
    const { proxy, url } = await aProxy()
    const [one, two] = [await connected(url), await connected(url)]
    await one.query('select 1 as one')
    await two.query('select 2 as two')
    expect(proxy.cut(({ lastStatement }) => lastStatement.includes('two'))).toBe(1)
    await expect(two.query('select 2')).rejects.toThrow(BROKEN)
    await one.query('select 1')
    expect(proxy.cut()).toBe(1)
    await expect(one.query('select 1')).rejects.toThrow(BROKEN)
  })

  it('refuses new connections, keeps the others, and takes them again', async () => {
    const { proxy, url } = await aProxy()
    const client = await connected(url)
    await proxy.refuse()
    await expect(connected(url)).rejects.toThrow('ECONNREFUSED')
    await client.query('select 1')
    await proxy.heal()
    await connected(url)
  })

  it('holds both directions, and what was sent arrives when it heals', async () => {
    const { proxy, url, direct } = await aProxy()
    const client = await connected(url)
    proxy.blackhole()
    await expect(client.query(`insert into note values ('late')`)).rejects.toThrow('timeout')
    await expect(connected(url)).rejects.toThrow('timeout')
    expect(await countNotes(direct)).toBe(0)
    await proxy.heal()
    await eventually(async () => (await countNotes(direct)) === 1)
    await connected(url)
  })

  it('loses connections for good, and lets new ones through', async () => {
    const { proxy, url, direct } = await aProxy()
    const client = await connected(url)
    proxy.blackhole({ which: () => true, forGood: true })
    const other = await connected(url)
    await proxy.heal()
    await other.query('select 1')
    await expect(client.query(`insert into note values ('never')`)).rejects.toThrow('timeout')
    expect(await countNotes(direct)).toBe(0)
  })

  it('delays replies, and lets them trickle', async () => {
    const { proxy, url } = await aProxy()
    const client = await connected(url)
    proxy.delay(300)
    expect(await timed(client.query('select 1'))).toBeGreaterThan(250)
    await proxy.heal()
    expect(await timed(client.query('select 1'))).toBeLessThan(200)
    proxy.trickle(2_000)
    expect(await timed(client.query(`select repeat('x', 1000)`))).toBeGreaterThan(400)
  })

  it('loses the reply to a commit that was done', async () => {
    const { proxy, url, direct } = await aProxy()
    const client = await connected(url)
    const swallowing = proxy.swallow(isCommit)
    await client.query('begin')
    await client.query(`insert into note values ('committed')`)
    await expect(client.query('commit')).rejects.toThrow(BROKEN)
    await swallowing.done
    expect(swallowing.count).toBe(1)
    expect(await countNotes(direct)).toBe(1)
    await (await connected(url)).query('commit')
  })

  it('loses the replies to chosen statements, prepared ones too', async () => {
    const { proxy, url, direct } = await aProxy()
    const add = { name: 'add', text: 'insert into note values ($1)', values: ['x'] }
    const client = await connected(url)
    await client.query(add)
    const swallowing = proxy.swallow((statement) => statement.startsWith('insert'), 2)
    await client.query('select 1')
    await expect(client.query(add)).rejects.toThrow(BROKEN)
    await expect((await connected(url)).query(add)).rejects.toThrow(BROKEN)
    await swallowing.done
    await (await connected(url)).query(add)
    expect(await countNotes(direct)).toBe(4)
  })
})
