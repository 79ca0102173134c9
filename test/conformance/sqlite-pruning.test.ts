/** How much one call of `pruneJobs` does on SQLite, where all of it is one transaction in which others wait. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { Db } from '../../src/store/sqlite/connection.ts'
import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts'
import { pruneJobs } from '../../src/store/sqlite/statements/prune-jobs.ts'
import { storeTestHost } from '../support/store-clock.ts'
import { openHandle, type Handle } from '../support/store-handle.ts'

const MANY = 50_000

let folder: string
let handle: Handle

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-pruning-'))
  const path = join(folder, 'jobs.db')
  const store = openSqliteStore({ host: storeTestHost(), location: `sqlite:${path}`, transport: 'inline' })
  await store.open()
  await store.close()
  handle = openHandle(path)
  handle.exec(`
    begin;
    insert into millrace_dead (id, name, queue, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, tags, ended_at, error)
      with recursive n (i) as (select 1 union all select i + 1 from n where i < ${MANY})
      select 'dead-' || i, 'job.1', 'q' || (i % 3), '[]', 'json', 0, 0, 0, 1, 1, 0, '[]', i, '{}' from n;
    insert into millrace_history (id, name, queue, state, args, args_codec, priority, due_at, created_at, attempt, max_attempts, crashes, tags, ended_at)
      with recursive n (i) as (select 1 union all select i + 1 from n where i < ${MANY})
      select 'done-' || i, 'job.1', 'q' || (i % 3), case i % 2 when 0 then 'completed' else 'cancelled' end, '[]', 'json', 0, 0, 0, 1, 1, 0, '[]', i from n;
    insert into millrace_attempt_error (job_id, attempt, ended_at, error) select id, 1, ended_at, '{}' from millrace_dead;
    insert into millrace_job_log (job_id, lease, line)
      with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000) select 'dead-1', 'l', 'line ' || i from n;
    commit`)
})

afterEach(() => {
  handle.close()
  rmSync(folder, { recursive: true, force: true })
})

/** The connection, with a count of the rows that its statements change. */
function counting(): { readonly db: Db; readonly changed: number[] } {
  const changed: number[] = []
  const db: Db = {
    now: MANY + 1,
    uuid: () => '',
    exec: (sql) => handle.exec(sql),
    prepare: (sql) => {
      const statement = handle.prepare(sql)
      return {
        run: (...parameters) => {
          const answer = statement.run(...parameters)
          changed.push(Number(answer.changes))
          return answer
        },
        get: (...parameters) => statement.get(...parameters),
        all: (...parameters) => statement.all(...parameters),
      } as ReturnType<Db['prepare']>
    },
  }
  return { db, changed }
}

describe('pruneJobs on SQLite', () => {
  it(
    'changes a bounded number of rows in a statement and in a call, until nothing is left',
    { timeout: 60_000 },
    () => {
      const policy = { queue: null, completedMs: 0, cancelledMs: 0, failedMs: 0 }
      let pruned = 0
      for (let isDone = false; !isDone;) {
        const { db, changed } = counting()
        handle.exec('begin')
        const answer = pruneJobs(db, [policy])
        handle.exec('commit')
        expect(answer.pruned).toBeLessThanOrEqual(1_000)
        expect(Math.max(...changed)).toBeLessThanOrEqual(2_000)
        expect(changed.reduce((sum, rows) => sum + rows, 0)).toBeLessThanOrEqual(3_000)
        pruned += answer.pruned
        isDone = answer.isDone
      }
      expect(pruned).toBe(2 * MANY)
      for (const table of ['dead', 'history', 'attempt_error', 'job_log']) {
        expect(handle.prepare(`select count(*) as n from millrace_${table}`).get()).toEqual({ n: 0 })
      }
    },
  )

  it('keeps what each queue and state is kept for', { timeout: 60_000 }, () => {
    const { db } = counting()
    const forever = 1e12
    const policies = [
      { queue: 'q0', completedMs: forever, cancelledMs: forever, failedMs: MANY - 90 },
      { queue: 'q1', completedMs: MANY - 90, cancelledMs: forever, failedMs: forever },
      { queue: null, completedMs: forever, cancelledMs: MANY - 90, failedMs: forever },
    ]
    expect(pruneJobs(db, policies)).toMatchObject({ isDone: true })
    const left = (table: string, where: string): unknown =>
      (
        handle.prepare(`select count(*) as n from millrace_${table} where ended_at <= 91 and ${where}`).get() as {
          n: number
        }
      ).n
    expect(left('dead', `queue = 'q0'`)).toBe(0)
    expect(left('dead', `queue <> 'q0'`)).toBe(61)
    expect(left('history', `queue = 'q1' and state = 'completed'`)).toBe(0)
    expect(left('history', `queue = 'q2' and state = 'cancelled'`)).toBe(0)
    expect(left('history', '1')).toBe(61)
  })
})
