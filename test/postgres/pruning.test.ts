import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { Database, type Db, type Row, type SqlValue } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { migrateSchema } from '../../src/store/postgres/schema.ts'
import { readErrorGroups } from '../../src/store/postgres/statements/error-groups.ts'
import { listJobs } from '../../src/store/postgres/statements/list-jobs.ts'
import { PruneProgress, pruneJobs } from '../../src/store/postgres/statements/prune-jobs.ts'
import { ExplainingDb } from '../support/explaining-db.ts'
import { postgresDatabase } from '../support/postgres-database.ts'

const MANY = 200_000
const HOUR = 3_600_000
const { url } = await postgresDatabase()
const database = new Database(addressOf(url, 'millrace'))

/** Dead letters and history of the last hundred hours, half of them in the queue `short`, with two attempts each. */
const FILL = [
  `insert into millrace.dead (id, name, queue, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, tags, started_at,
     ended_at, error, fingerprint)
   select gen_random_uuid(), 'job.' || i % 20, case i % 2 when 0 then 'short' else 'long' end, '[]', 'json', 0, 0, 0, 3, 3, 0, '{}', 1,
     millrace.now_ms() - i::bigint * 100 * ${HOUR} / ${MANY}, '{"name":"Error","message":"boom"}', lpad(to_hex(i % 100), 16, '0')
   from generate_series(1, ${MANY}) i`,
  `insert into millrace.attempt_error (job_id, attempt, ended_at, error, name, fingerprint)
   select id, 1, ended_at, error, name, fingerprint from millrace.dead cross join generate_series(1, 2)`,
  `insert into millrace.history (id, state, priority, attempt, max_attempts, crashes, due_at, created_at, started_at, ended_at, queue, name, args,
     args_codec, tags)
   select gen_random_uuid(), 'completed', 0, 1, 3, 0, 0, 0, 0, millrace.now_ms() - (${MANY} - i)::bigint * 100 * ${HOUR} / ${MANY},
     case i % 2 when 0 then 'short' else 'long' end, 'job.1', '[]', 'json', '{}'
   from generate_series(0, ${MANY - 1}) i`,
]

const keepFor = (hours: number): { completedMs: number; cancelledMs: number; failedMs: number } => ({
  completedMs: hours * HOUR,
  cancelledMs: hours * HOUR,
  failedMs: hours * HOUR,
})

/** Counts the rows that each statement of a verb changed. */
class CountingDb implements Db {
  readonly name = 'counting'
  readonly changed: { readonly text: string; readonly rows: number; readonly ms: number }[] = []
  readonly #client: pg.Client

  constructor(client: pg.Client) {
    this.#client = client
  }

  async query(text: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    const begun = performance.now()
    const { rows, rowCount } = await this.#client.query({
      text: text.replaceAll('/* schema */', 'millrace'),
      values: [...values],
      rowMode: 'array',
    })
    // What removes attempts and lines answers how many it removed.
    const removed = /with gone as/.test(text) ? Number(rows[0]?.[0]) : /\bdelete\b/.test(text) ? (rowCount ?? 0) : 0
    this.changed.push({ text, rows: removed, ms: performance.now() - begun })
    return rows as readonly Row[]
  }

  repeat(text: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.query(text, values)
  }
}

describe('with many ended jobs', () => {
  let client: pg.Client
  beforeAll(async () => {
    await migrateSchema(database)
    client = new pg.Client(url)
    // What the store reads numbers by.
    client.setTypeParser(20, Number)
    await client.connect()
    for (const sql of FILL) await client.query(sql)
    await client.query('vacuum analyze')
  }, 120_000)
  afterAll(async () => {
    await client.end()
    await database.close()
  })

  const explained = async (verb: (db: Db) => Promise<unknown>): Promise<ExplainingDb> => {
    let explaining: ExplainingDb | undefined
    await database.general.transaction(async (db) => {
      explaining = new ExplainingDb(db, true)
      await verb(explaining)
      await db.query('savepoint end_of_test')
    })
    if (explaining === undefined) throw new Error('nothing was executed')
    return explaining
  }

  it(
    'pruning reads no table to find nothing, once it knows how far history is clean',
    { timeout: 120_000 },
    async () => {
      const progress = new PruneProgress()
      const policies = [
        { queue: 'short', ...keepFor(150) },
        { queue: null, ...keepFor(200) },
      ]
      await database.general.session((db) => pruneJobs(db, policies, progress))
      const { explained: statements } = await explained((db) => pruneJobs(db, policies, progress))
      const read = statements.flatMap(({ scans }) => scans).filter(({ table }) => /dead|history/.test(table))
      expect(read.length).toBeGreaterThan(0)
      // The index of history knows whole ranges of pages.
      for (const scan of read) expect(scan.rows, JSON.stringify(scan)).toBeLessThan(MANY / 50)
    },
  )

  it('pruning of queues with different times looks at what is new to each time', { timeout: 120_000 }, async () => {
    const progress = new PruneProgress()
    const policies = [
      // Nothing of it is left: half of history is older, and stays.
      { queue: 'nobodys', ...keepFor(50) },
      { queue: null, ...keepFor(200) },
    ]
    expect(await database.general.session((db) => pruneJobs(db, policies, progress))).toEqual({
      pruned: 0,
      isDone: true,
    })
    const { explained: statements } = await explained((db) => pruneJobs(db, policies, progress))
    const history = statements.filter(({ text }) => text.includes('h.ctid::text'))
    expect(history).toHaveLength(2)
    // Ten minutes of a hundred hours, in whole ranges of the index.
    for (const { scans } of history) for (const scan of scans) expect(scan.rows).toBeLessThan(MANY / 20)
  })

  it(
    'no statement of pruning changes more than a bounded number of rows, or takes long',
    { timeout: 120_000 },
    async () => {
      const db = new CountingDb(client)
      const progress = new PruneProgress()
      const policies = [
        { queue: 'short', ...keepFor(95) },
        { queue: null, ...keepFor(200) },
      ]
      await client.query(`
      insert into millrace.attempt_error (job_id, attempt, ended_at, error)
      select id, 1, 0, '{}' from (select id from millrace.dead where queue = 'short' order by ended_at limit 20) d cross join generate_series(1, 1000)`)
      let pruned = 0
      for (let isDone = false; !isDone;) {
        const answer = await pruneJobs(db, policies, progress)
        pruned += answer.pruned
        expect(answer.pruned).toBeLessThanOrEqual(1_000)
        isDone = answer.isDone
      }
      // Five of a hundred hours, of half of the dead letters and half of history.
      expect(pruned / MANY).toBeCloseTo(0.05, 2)
      expect(Math.max(...db.changed.map(({ rows }) => rows))).toBe(5_000)
      const { rows } = await client.query(`
      select count(*)::integer as n from millrace.attempt_error a where not exists (select 1 from millrace.dead d where d.id = a.job_id)`)
      expect(rows).toEqual([{ n: 0 }])
      const slow = db.changed.map(({ ms }) => ms).sort((a, b) => b - a)
      // Half of all statements within a fraction of what is allowed; the slowest may have met a checkpoint.
      expect(slow[Math.floor(slow.length / 2)]).toBeLessThan(200)
    },
  )

  it('groups are counted from the index alone', { timeout: 120_000 }, async () => {
    await client.query('vacuum analyze')
    const { explained: statements } = await explained((db) => readErrorGroups(db, { of: 'dead' }))
    const [{ scans } = { scans: [] }] = statements
    const counting = scans.filter(({ index }) => index === 'dead_group')
    expect(counting.some(({ type }) => type === 'Index Only Scan')).toBe(true)
    expect(scans.filter(({ type }) => type === 'Seq Scan').map(({ table }) => table)).toEqual([])
  })

  it('jobs of one fingerprint are listed by its index', { timeout: 120_000 }, async () => {
    const query = { limit: 50, searchLimit: 0, states: ['failed'] as const, fingerprint: '0000000000000005' }
    const { explained: statements } = await explained((db) => listJobs(db, query))
    for (const { scans } of statements) for (const scan of scans) expect(scan.rows).toBeLessThan(3_000)
    expect(statements[0]?.scans.map(({ index }) => index)).toContain('dead_fingerprint')
  })
})
