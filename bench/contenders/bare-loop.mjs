/**
 * The ceiling: claim a batch, run it, delete it, and nothing else. No retries, no lease, no history, no limits. Its table has
 * what makes that fast: a ready index that a claim does not touch, room on each page (so claims are HOT updates), and a cursor
 * in memory that spares the scan the rows that were deleted before it.
 */

import { setTimeout as sleep } from 'node:timers/promises'

import pg from 'pg'

const BATCH = 1_000
const IDLE_MS = 5

const SCHEMA = `
  create table job (
    id bigint generated always as identity primary key,
    seq bigint generated always as identity,
    queue text not null default 'default',
    task text not null default 'noop',
    priority smallint not null default 0,
    run_at timestamptz not null default now(),
    attempts smallint not null default 0,
    max_attempts smallint not null default 3,
    worker int not null default 0,
    claimed_at timestamptz not null default '-infinity',
    created_at timestamptz not null default now(),
    payload jsonb not null
  ) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);
  create index job_ready on job (queue, priority, seq) where seq is not null`

const INSERT = 'insert into job (payload) select * from jsonb_array_elements($1::jsonb)'

const CLAIM = {
  name: 'claim',
  text: `
    update job set worker = $3, claimed_at = now(), attempts = attempts + 1
    where id = any (array(
      select id from job
      where queue = 'default' and priority = 0 and seq > $1 and seq is not null and worker = 0
      order by queue, priority, seq
      for update skip locked
      limit $2
    ))
    returning id, seq, payload`,
}

const DELETE = { name: 'delete', text: 'delete from job where id = any ($1::bigint[])' }

/**
 * @param {string} connectionString
 * @returns {import('../contender.ts').Session}
 */
function openSession(connectionString) {
  const pool = new pg.Pool({ connectionString, max: 10 })
  let stopped = false
  /** @type {Promise<unknown>} */
  let loop = Promise.resolve()
  return {
    prepare: async () => {
      await pool.query(SCHEMA)
    },
    enqueue: (payload) => pool.query(INSERT, [JSON.stringify([payload])]),
    enqueueAll: (payloads) => pool.query(INSERT, [JSON.stringify(payloads)]),
    start: async (handler) => {
      const claims = await pool.connect()
      await claims.query('set synchronous_commit = off')
      const deletes = await pool.connect()
      loop = claimAndDelete(claims, deletes, handler, () => stopped)
    },
    close: async () => {
      stopped = true
      await loop
      // The two connections go with the process.
    },
  }
}

/**
 * @param {pg.PoolClient} claims
 * @param {pg.PoolClient} deletes
 * @param {import('../contender.ts').Handler} handler
 * @param {() => boolean} isStopped
 */
async function claimAndDelete(claims, deletes, handler, isStopped) {
  let cursor = '0'
  const claim = async () => {
    const { rows } = await claims.query({ ...CLAIM, values: [cursor, BATCH, process.pid] })
    for (const { seq } of rows) if (BigInt(seq) > BigInt(cursor)) cursor = seq
    // After a short batch look again from the start, for what was committed late.
    if (rows.length < BATCH) cursor = '0'
    return rows
  }
  let next = claim()
  /** @type {Promise<unknown>} */
  let deleting = Promise.resolve()
  while (!isStopped()) {
    const jobs = await next
    if (jobs.length === 0) await sleep(IDLE_MS)
    next = claim()
    await Promise.all(jobs.map(async ({ payload }) => handler(payload)))
    await deleting
    if (jobs.length > 0) deleting = deletes.query({ ...DELETE, values: [`{${jobs.map(({ id }) => id).join(',')}}`] })
  }
  await Promise.all([next, deleting])
}

/** @type {import('../contender.ts').Contender[]} */
export const contenders = [
  {
    name: 'bare-loop',
    store: 'postgres',
    packages: ['pg'],
    settings: `hand-written claim and delete of ${BATCH} at a time, two connections, HOT layout, cursor; keeps and promises nothing else`,
    drainJobs: 600_000,
    unfinished: 'select count(*) from (select from job limit 1) as unfinished',
    open: openSession,
  },
]
