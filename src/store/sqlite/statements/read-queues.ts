/**
 * `readQueues`: every queue in numbers. No statement walks a whole table: names are found by jumping from one to the next in
 * an index, and counts stop at the cap.
 */

import { BACKLOG_CAP, COUNT_CAP, type Backlog, type QueueRecord, type ScaleBounds } from '../../store.ts'
import type { Db } from '../connection.ts'

// Each `with` jumps from queue to queue in one index, in as many steps as there are queues.
const QUEUE_NAMES = `
  with recursive
    ready (queue) as (
      select min(queue) from millrace_job indexed by millrace_job_ready where state = 'queued' and parked is null
      union all
      select (select min(queue) from millrace_job indexed by millrace_job_ready where state = 'queued' and parked is null and queue > ready.queue)
      from ready where ready.queue is not null),
    scheduled (queue) as (
      select min(queue) from millrace_job indexed by millrace_job_scheduled where state = 'scheduled'
      union all
      select (select min(queue) from millrace_job indexed by millrace_job_scheduled where state = 'scheduled' and queue > scheduled.queue)
      from scheduled where scheduled.queue is not null),
    waiting (queue) as (
      select min(queue) from millrace_job indexed by millrace_job_parked where parked is not null
      union all
      select (select min(queue) from millrace_job indexed by millrace_job_parked where parked is not null and queue > waiting.queue)
      from waiting where waiting.queue is not null),
    done (queue) as (
      select min(queue) from millrace_history
      union all
      select (select min(queue) from millrace_history where queue > done.queue) from done where done.queue is not null),
    failed (queue) as (
      select min(queue) from millrace_dead
      union all
      select (select min(queue) from millrace_dead where queue > failed.queue) from failed where failed.queue is not null)
  select queue from (
    select queue from ready
    union select queue from scheduled
    union select queue from waiting
    union select queue from done
    union select queue from failed
    union select queue from millrace_job indexed by millrace_job_running where state = 'running'
    union select name from millrace_queue
    union select value from millrace_node, json_each(millrace_node.queues) where dead_at is null)
  where queue is not null order by queue`

const countReady = (most: number): string => `
  select count(*) as jobs from (
    select 1 from millrace_job indexed by millrace_job_ready where queue = ? and state = 'queued' and parked is null limit ${most})`

const COUNT_READY = countReady(COUNT_CAP)
const COUNT_BACKLOG = countReady(BACKLOG_CAP)

const COUNT_PARKED = `
  select count(*) as jobs from (
    select 1 from millrace_job indexed by millrace_job_parked where queue = ? and parked is not null limit ${COUNT_CAP})`

const countDue = (most: number): string => `
  select count(*) as jobs from (
    select 1 from millrace_job indexed by millrace_job_scheduled where queue = ? and state = 'scheduled' and due_at <= ? limit ${most})`

const COUNT_DUE = countDue(COUNT_CAP)
const COUNT_BACKLOG_DUE = countDue(BACKLOG_CAP)

const COUNT_SCHEDULED = `
  select count(*) as jobs from (
    select 1 from millrace_job indexed by millrace_job_scheduled where queue = ? and state = 'scheduled' and due_at > ? limit ${COUNT_CAP})`

const COUNT_RUNNING = `select queue, count(*) as jobs from millrace_job indexed by millrace_job_running where state = 'running' group by queue`

// The index is in the order of priorities, so the oldest of each priority is looked up, and the oldest of those taken.
const OLDEST_READY = `
  with recursive level (priority) as (
    select min(priority) from millrace_job indexed by millrace_job_ready where queue = ?1 and state = 'queued' and parked is null
    union all
    select (select min(priority) from millrace_job indexed by millrace_job_ready
      where queue = ?1 and state = 'queued' and parked is null and priority > level.priority)
    from level where level.priority is not null)
  select min((select min(due_at) from millrace_job indexed by millrace_job_ready
    where queue = ?1 and state = 'queued' and parked is null and priority = level.priority)) as due_at
  from level where priority is not null`

const OLDEST_PARKED = `
  with recursive kind (name) as (
    select min(name) from millrace_job indexed by millrace_job_parked where queue = ?1 and parked is not null
    union all
    select (select min(name) from millrace_job indexed by millrace_job_parked where queue = ?1 and parked is not null and name > kind.name)
    from kind where kind.name is not null limit 1000)
  select min((select min(due_at) from millrace_job indexed by millrace_job_parked
    where queue = ?1 and parked is not null and name = kind.name)) as due_at
  from kind where name is not null`

const OLDEST_SCHEDULED = `select min(due_at) as due_at from millrace_job indexed by millrace_job_scheduled where queue = ? and state = 'scheduled'`

const READ_PAUSED = 'select name from millrace_queue where is_paused = 1'

const READ_SCALES = 'select name, scale_min, scale_max from millrace_queue where scale_min is not null order by name'

const READ_ENDED = 'select queue, sum(ended) as jobs from millrace_rollup where second > ? group by queue'

/** See {@link Store.readQueues}. */
export function readQueues(db: Db): readonly QueueRecord[] {
  // Each statement has the columns named here, in strict tables.
  const names = db.prepare(QUEUE_NAMES).all() as { readonly queue: string }[]
  const running = byQueue(db.prepare(COUNT_RUNNING).all())
  const ended = byQueue(db.prepare(READ_ENDED).all(Math.floor(db.now / 1000) - 60))
  const paused = new Set(readPausedQueues(db))
  const scales = new Map(readScales(db).map(({ queue, min, max }) => [queue, { min, max }]))
  return names.map(({ queue }) => {
    const parked = count(db, COUNT_PARKED, queue)
    return {
      name: queue,
      depth: cap(count(db, COUNT_READY, queue) + parked + count(db, COUNT_DUE, queue, db.now)),
      parked,
      scheduled: count(db, COUNT_SCHEDULED, queue, db.now),
      running: cap(running.get(queue) ?? 0),
      oldestAgeMs: oldestAge(db, queue, EVERY_KIND),
      endedLastMinute: ended.get(queue) ?? 0,
      isPaused: paused.has(queue),
      scale: scales.get(queue) ?? null,
    }
  })
}

/** See {@link Store.readBacklogs}. */
export function readBacklogs(db: Db, queues: readonly string[]): readonly Backlog[] {
  return queues.map((queue) => {
    const jobs = count(db, COUNT_BACKLOG, queue) + count(db, COUNT_BACKLOG_DUE, queue, db.now)
    return {
      depth: Math.min(jobs, BACKLOG_CAP),
      oldestAgeMs: jobs === 0 ? null : oldestAge(db, queue, [OLDEST_READY, OLDEST_SCHEDULED]),
    }
  })
}

/** The bounds that operators stored. */
export function readScales(db: Db): readonly ({ readonly queue: string } & ScaleBounds)[] {
  // The columns of the statement; the checks of the table let both be null or neither.
  const rows = db.prepare(READ_SCALES).all() as {
    readonly name: string
    readonly scale_min: number
    readonly scale_max: number
  }[]
  return rows.map((row) => ({ queue: row.name, min: row.scale_min, max: row.scale_max }))
}

/** The names of the queues that are paused. */
export function readPausedQueues(db: Db): readonly string[] {
  // The one column of the statement.
  return (db.prepare(READ_PAUSED).all() as { readonly name: string }[]).map(({ name }) => name)
}

function count(db: Db, sql: string, ...parameters: (string | number)[]): number {
  // A count always answers one row.
  return (db.prepare(sql).get(...parameters) as { readonly jobs: number }).jobs
}

function cap(jobs: number): number {
  return Math.min(jobs, COUNT_CAP)
}

const EVERY_KIND = [OLDEST_READY, OLDEST_PARKED, OLDEST_SCHEDULED]

function oldestAge(db: Db, queue: string, kinds: readonly string[]): number | null {
  const ages = kinds.map((sql) => {
    // An aggregate always answers one row.
    const { due_at } = db.prepare(sql).get(queue) as { readonly due_at: number | null }
    return due_at === null || due_at > db.now ? null : db.now - due_at
  })
  const known = ages.filter((age) => age !== null)
  return known.length === 0 ? null : Math.max(...known)
}

function byQueue(rows: readonly unknown[]): ReadonlyMap<string, number> {
  return new Map((rows as { readonly queue: string; readonly jobs: number }[]).map(({ queue, jobs }) => [queue, jobs]))
}
