/** Promises about the statements themselves: their plans, the dialects that they run on, the generated migrations. */

import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AttemptEnding, Store } from '../../src/store/store.ts'
import { loadEngine } from '../../src/store/sqlite/load-engine.ts'
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts'
import { storeTestHost } from '../support/store-clock.ts'
import { openHandle, type Handle } from '../support/store-handle.ts'
import { ackOf, aJob, aNode, aProblem } from '../support/store-jobs.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const STATEMENTS = join(ROOT, 'src/store/sqlite/statements')

let folder: string
let path: string
let store: Store
let handle: Handle

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-statements-'))
  path = join(folder, 'jobs.db')
  store = openSqliteStore({ host: storeTestHost(), location: `sqlite:${path}`, transport: 'inline' })
  await store.open()
  handle = openHandle(path)
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
      `select id from millrace_job indexed by millrace_job_ready where queue = ?1 and state = 'queued' and parked is null
       order by priority, due_at, seq limit ?2`,
      /^SEARCH millrace_job USING INDEX millrace_job_ready \(queue=\?\)$/,
    ],
    [
      'a claim that goes on from a place jumps there',
      `select id from millrace_job indexed by millrace_job_ready where queue = ?1 and state = 'queued' and parked is null
       and (priority, due_at, seq) > (?3, ?4, ?5) order by priority, due_at, seq limit ?2`,
      /^SEARCH millrace_job USING INDEX millrace_job_ready \(queue=\? AND \(priority,due_at(,rowid)?\)>\(\?,\?(,\?)?\)\)$/,
    ],
    [
      'the next due job is one look-up',
      `select min(due_at) from millrace_job where queue = ? and state = 'scheduled'`,
      /^SEARCH millrace_job USING COVERING INDEX millrace_job_scheduled \(queue=\?\)$/,
    ],
    [
      'promotion walks the scheduled index in its order',
      `select seq from millrace_job where queue = ? and state = 'scheduled' and due_at <= ? order by due_at limit ?`,
      /^SEARCH millrace_job USING COVERING INDEX millrace_job_scheduled \(queue=\? AND due_at<\?\)$/,
    ],
    [
      'an ack finds its job by id',
      `delete from millrace_job where id = ? and lease = ? and state = 'running' returning queue`,
      /^SEARCH millrace_job USING INDEX sqlite_autoindex_millrace_job_1 \(id=\?\)$/,
    ],
    [
      'what a node holds is found by node',
      `select id, lease from millrace_job where node = ? and state = 'running'`,
      /^SEARCH millrace_job USING INDEX millrace_job_running \(node=\?\)$/,
    ],
    [
      'pruning walks the ended index in its order',
      `select rowid from millrace_history indexed by millrace_history_ended where queue = ? and state = ? and ended_at <= ? limit ?`,
      /^SEARCH millrace_history USING COVERING INDEX millrace_history_ended \(queue=\? AND state=\? AND ended_at<\?\)$/,
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
  it('is refused when no transaction is open', async () => {
    const ack = ackOf({ id: 'x', lease: 'y', attempt: 1 })
    await expect(store.ackInTransaction(handle, ack)).rejects.toThrow(/no transaction open/)
  })

  it('is refused when the handle may be of another copy of SQLite, whose locks nobody would see', async () => {
    const ack = ackOf({ id: 'x', lease: 'y', attempt: 1 })
    const likeBetterSqlite3 = { prepare: () => null, exec: () => null, inTransaction: true }
    const refused = store.ackInTransaction(likeBetterSqlite3, ack)
    await expect(refused).rejects.toMatchObject({ code: 'ERR_TX_FOREIGN' })
    await expect(refused).rejects.toThrow(
      new RegExp(`destroy the file; import better-sqlite3 .* or open your connection with ${loadEngine().name}`),
    )
  })

  it('does not care how the handle shows rows to its owner', async () => {
    const odd = openHandle(path, { readBigInts: true, returnArrays: true })
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
  it('give every table and index a name that no application uses', () => {
    const rows = handle.prepare('select name from sqlite_schema').all() as { readonly name: string }[]
    expect(rows.filter(({ name }) => !/^(sqlite_(autoindex_|sequence)|millrace_)/.test(name))).toEqual([])
  })

  it('are embedded as they are written', () => {
    execFileSync(process.execPath, [join(ROOT, 'scripts/embed-sql.mjs'), '--check'])
  })
})
