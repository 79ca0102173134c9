/** Promises about the statements themselves: their plans, the dialects that they run on, the generated migrations. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AttemptEnding, Store } from '../../src/store/store.ts'
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts'
import { storeTestHost } from '../support/store-clock.ts'
import { ackOf, aJob, aNode, aProblem } from '../support/store-jobs.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const STATEMENTS = join(ROOT, 'src/store/sqlite/statements')

let folder: string
let path: string
let store: Store
let handle: DatabaseSyncInstance

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-statements-'))
  path = join(folder, 'jobs.db')
  store = openSqliteStore({ host: storeTestHost(), location: `sqlite:${path}`, transport: 'inline' })
  await store.open()
  handle = new DatabaseSync(path)
})

afterEach(async () => {
  handle.close()
  await store.close()
  rmSync(folder, { recursive: true, force: true })
})

describe('plans', () => {
  const planOf = (sql: string): string => {
    const rows = handle.prepare(`explain query plan ${sql}`).all() as { readonly detail: string }[]
    return rows.map(({ detail }) => detail).join('\n')
  }

  it.each([
    [
      'a claim walks the ready index in its order',
      `select id from job indexed by job_ready where queue = ?1 and state = 'queued' and parked is null
       order by priority, due_at, seq limit ?2`,
      /^SEARCH job USING INDEX job_ready \(queue=\?\)$/,
    ],
    [
      'a claim that goes on from a place jumps there',
      `select id from job indexed by job_ready where queue = ?1 and state = 'queued' and parked is null
       and (priority, due_at, seq) > (?3, ?4, ?5) order by priority, due_at, seq limit ?2`,
      /^SEARCH job USING INDEX job_ready \(queue=\? AND \(priority,due_at(,rowid)?\)>\(\?,\?(,\?)?\)\)$/,
    ],
    [
      'the next due job is one look-up',
      `select min(due_at) from job where queue = ? and state = 'scheduled'`,
      /^SEARCH job USING COVERING INDEX job_scheduled \(queue=\?\)$/,
    ],
    [
      'promotion walks the scheduled index in its order',
      `select seq from job where queue = ? and state = 'scheduled' and due_at <= ? order by due_at limit ?`,
      /^SEARCH job USING COVERING INDEX job_scheduled \(queue=\? AND due_at<\?\)$/,
    ],
    [
      'an ack finds its job by id',
      `delete from job where id = ? and lease = ? and state = 'running' returning queue`,
      /^SEARCH job USING INDEX sqlite_autoindex_job_1 \(id=\?\)$/,
    ],
    [
      'what a node holds is found by node',
      `select id, lease from job where node = ? and state = 'running'`,
      /^SEARCH job USING INDEX job_running \(node=\?\)$/,
    ],
    [
      'pruning walks the ended index in its order',
      `select rowid from history indexed by history_ended where queue = ? and state = ? and ended_at <= ? limit ?`,
      /^SEARCH history USING COVERING INDEX history_ended \(queue=\? AND state=\? AND ended_at<\?\)$/,
    ],
  ])('%s', (_, sql, plan) => {
    expect(planOf(sql)).toMatch(plan)
    // The statement is the one of the code, but for its columns.
    const words = (text: string): string => text.replaceAll(/\s+/g, ' ')
    const code = words(
      readdirSync(STATEMENTS)
        .map((file) => readFileSync(join(STATEMENTS, file), 'utf8'))
        .join('\n'),
    )
    const condition = words(sql).replace(/^.*? where /, 'where ')
    expect(code.includes(condition), condition).toBe(true)
  })
})

describe('an ack on a handle of the user', () => {
  /** As strict as better-sqlite3: `run` refuses statements that answer rows, `get` and `all` refuse the others. */
  const strict = (): object => ({
    exec: (sql: string) => handle.exec(sql),
    get inTransaction() {
      return handle.isTransaction
    },
    prepare: (sql: string) => {
      const statement = handle.prepare(sql)
      const hasRows = statement.columns().length > 0
      const check = (wantsRows: boolean): void => {
        if (hasRows !== wantsRows) throw new TypeError(`wrong call for: ${sql}`)
      }
      return {
        run: (...parameters: never[]) => (check(false), statement.run(...parameters)),
        get: (...parameters: never[]) => (check(true), statement.get(...parameters)),
        all: (...parameters: never[]) => (check(true), statement.all(...parameters)),
      }
    },
  })

  const endings: readonly AttemptEnding[] = [
    { type: 'completed', result: null, error: null },
    { type: 'retry', delayMs: 0, error: aProblem },
    { type: 'snoozed', delayMs: 0 },
    { type: 'cancelled', error: aProblem },
    { type: 'failed', error: aProblem },
  ]
  for (const ending of endings) {
    for (const isKept of [true, false]) {
      it(`uses each statement as better-sqlite3 wants it: ${ending.type}, ${isKept ? 'kept' : 'not kept'}`, async () => {
        const node = aNode()
        await store.registerNode(node)
        await store.insertJobs([aJob()])
        const { jobs } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
        const acks = jobs.map((job) => ackOf(job, ending, { isKept, logs: ['line'] }))
        handle.exec('begin immediate')
        for (const ack of acks) expect(await store.ackInTransaction(strict(), ack)).toBe(true)
        handle.exec('commit')
        expect((await store.listJobs({ states: ['running'], limit: 5, searchLimit: 0 })).jobs).toEqual([])
      })
    }
  }

  it('is refused when no transaction is open', async () => {
    const ack = ackOf({ id: 'x', lease: 'y', attempt: 1 })
    await expect(store.ackInTransaction(strict(), ack)).rejects.toThrow(/no transaction open/)
  })

  it('does not care how the handle shows rows to its owner', async () => {
    const odd = new DatabaseSync(path, { readBigInts: true, returnArrays: true })
    const node = aNode()
    await store.registerNode(node)
    await store.insertJobs([aJob()])
    const { jobs } = await store.claimJobs({ node: node.id, wants: [{ queue: 'q', count: 1 }] })
    odd.exec('begin immediate')
    for (const job of jobs) {
      const retry: AttemptEnding = { type: 'retry', delayMs: 0, error: aProblem }
      expect(await store.ackInTransaction(odd, ackOf(job, retry))).toBe(true)
    }
    odd.exec('commit')
    odd.close()
    expect((await store.listJobs({ states: ['scheduled'], limit: 5, searchLimit: 0 })).jobs).toHaveLength(1)
  })
})

describe('migrations', () => {
  it('are embedded as they are written', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts/embed-sql.mjs'), '--check'])
  })
})
