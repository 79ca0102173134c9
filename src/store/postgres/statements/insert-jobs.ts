/** `insertJobs`: new jobs, all or none. */

import type { NewJob } from '../../../job/job.ts'
import type { InsertedJob } from '../../store.ts'
import { encodeBackoff, plainText, plainTextOrNull, wholeNumber } from '../../stored-values.ts'
import { plainArray, textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'

// One parameter for all jobs: a JSON text is quicker to write here and to read there than an array for each column.
const INPUT = `
  select (e->>0)::uuid as id, e->>1 as name, e->>2 as queue, e->>3 as args, e->>4 as args_codec, (e->>5)::smallint as priority,
    (e->>6)::integer as max_attempts, e->>7 as backoff, (e->>8)::double precision as timeout_ms, e->>9 as key,
    (e->>10)::text[] as tags, e->>13 as trace, n.now,
    -- A time that has passed counts as now: the job became due when it was stored, behind those that were due before.
    greatest(n.now, least(9007199254740991, ceil(coalesce((e->>12)::double precision, n.now + (e->>11)::double precision, n.now)))::bigint) as due_at
  from jsonb_array_elements($2::jsonb) with ordinality t (e, place), (select /* schema */.now_ms() as now) n
  order by place`

const COLUMNS =
  'id, name, queue, args, args_codec, priority, max_attempts, backoff, timeout_ms, key, tags, trace, due_at, created_at, seq'

const VALUES = `
  id, name, queue, args, args_codec, priority, max_attempts, backoff, timeout_ms, key, tags, trace, due_at, now,
    case when due_at <= now then nextval('/* schema */.job_seq') end`

// A worker that is idle is told; the others ask by themselves. Every notification takes a lock of the whole server.
const TELL = `
  select pg_notify($1::text, '') as told from /* schema */.wake
  where $1::text <> '' and is_idle and seen_at > (select /* schema */.now_ms()) - 30000 limit 1`

const INSERT = `
  with told as materialized (${TELL}),
  inserted as (
    insert into /* schema */.job (${COLUMNS}) select ${VALUES} from (${INPUT}) input)
  select count(*) from told`

// Most batches hold jobs of one kind that are due at once, and differ only in their ids and arguments: a quarter cheaper.
const INSERT_ALIKE = `
  with told as materialized (${TELL}),
  inserted as (
    insert into /* schema */.job (${COLUMNS})
    select i.id, $4::text, $5::text, i.args, $6::text, $7::smallint, $8::integer, $9::text, $10::double precision, $11::text,
      $12::text[], $13::text, n.now, n.now, nextval('/* schema */.job_seq')
    from unnest($2::uuid[], $3::text[]) i (id, args), (select /* schema */.now_ms() as now) n)
  select count(*) from told`

const INSERT_WITH_CARE = `
  with told as materialized (${TELL}),
  inserted as (
    insert into /* schema */.job (${COLUMNS}) select ${VALUES} from (${INPUT}) input
    where not (id = any($3::uuid[]) and (
      exists (select 1 from /* schema */.history h where h.id = input.id) or exists (select 1 from /* schema */.dead d where d.id = input.id)))
    on conflict (id) do nothing
    returning id)
  select i.id, t.told from inserted i left join told t on true`

const ENDED = `
  select id from /* schema */.history where id = any($1::uuid[])
  union all select id from /* schema */.dead where id = any($1::uuid[])`

const ADD_PRIORITIES = `
  insert into /* schema */.queue_priority (queue, priority)
  select * from unnest($1::text[], $2::smallint[]) p (queue, priority) on conflict do nothing`

/**
 * Stores jobs whose ids nobody has used yet, and notifies idle listeners of `channel`, none when it is empty. Throws a unique
 * violation, having changed nothing, when an id is in use.
 */
export async function insertNewJobs(db: Db, jobs: readonly NewJob[], channel: string): Promise<readonly InsertedJob[]> {
  const [first] = jobs
  if (first !== undefined && jobs.every((job) => isAlike(job, first))) {
    await db.repeat(INSERT_ALIKE, [
      channel,
      plainArray(jobs.map(({ id }) => id)),
      textArray(jobs.map(({ args }) => plainText(args.text))),
      ...encodeKind(first),
    ])
  } else {
    await db.repeat(INSERT, [channel, encodeJobs(jobs)])
  }
  return jobs.map(({ id }) => ({ id, status: 'created' }))
}

/**
 * Stores jobs, but for those whose id is in use; ended jobs count only for ids that somebody chose.
 *
 * @param db In a transaction, where somebody chose an id.
 */
export async function insertJobsWithCare(
  db: Db,
  jobs: readonly NewJob[],
  channel: string,
): Promise<readonly InsertedJob[]> {
  const chosen = jobs.flatMap(({ id, isIdChosen }) => (isIdChosen ? [id] : []))
  if (chosen.length === 0) return insertUnused(db, jobs, chosen, channel)
  for (;;) {
    await db.query(`savepoint ${SAVEPOINT}`)
    const inserted = await insertUnused(db, jobs, chosen, channel)
    const created = inserted.flatMap(({ id, status }) => (status === 'created' ? [id] : []))
    // A job may have ended after the insert has looked for ended jobs, and before it looked for a live one: then it found
    // neither. Another statement sees what was committed meanwhile, and the next insert does too.
    const ended = await db.query(ENDED, [plainArray(created.filter((id) => chosen.includes(id)))])
    if (ended.length === 0) return inserted
    await db.query(`rollback to savepoint ${SAVEPOINT}`)
  }
}

const SAVEPOINT = 'millrace_insert_with_care'

async function insertUnused(
  db: Db,
  jobs: readonly NewJob[],
  chosen: readonly string[],
  channel: string,
): Promise<readonly InsertedJob[]> {
  const rows = await db.query(INSERT_WITH_CARE, [channel, encodeJobs(jobs), plainArray(chosen)])
  const created = new Set(rows.map(([id]) => id))
  // Of two jobs of one id the first was stored.
  return jobs.map(({ id }) => ({ id, status: created.delete(id) ? 'created' : 'duplicate' }))
}

/** Makes priorities known to claims. In a transaction of its own: an open one would make others wait who add the same. */
export async function addPriorities(
  db: Db,
  levels: readonly { readonly queue: string; readonly priority: number }[],
): Promise<void> {
  await db.query(ADD_PRIORITIES, [
    textArray(levels.map(({ queue }) => plainText(queue))),
    plainArray(levels.map(({ priority }) => priority)),
  ])
}

/** Whether two jobs are due at once and differ only in what is each one's own. */
function isAlike(a: NewJob, b: NewJob): boolean {
  return (
    a.due === null &&
    b.due === null &&
    a.name === b.name &&
    a.queue === b.queue &&
    a.args.codec === b.args.codec &&
    a.priority === b.priority &&
    a.maxAttempts === b.maxAttempts &&
    a.timeoutMs === b.timeoutMs &&
    a.key === b.key &&
    a.backoff === b.backoff &&
    a.trace === b.trace &&
    a.tags.length === 0 &&
    b.tags.length === 0
  )
}

function encodeKind(job: NewJob): readonly (string | number | null)[] {
  return [
    plainText(job.name),
    plainText(job.queue),
    job.args.codec,
    job.priority,
    job.maxAttempts,
    encodeBackoff(job.backoff),
    job.timeoutMs,
    plainTextOrNull(job.key),
    '{}',
    plainTextOrNull(job.trace),
  ]
}

function encodeJobs(jobs: readonly NewJob[]): string {
  return JSON.stringify(
    jobs.map((job) => [
      job.id,
      plainText(job.name),
      plainText(job.queue),
      plainText(job.args.text),
      job.args.codec,
      job.priority,
      job.maxAttempts,
      encodeBackoff(job.backoff),
      job.timeoutMs,
      plainTextOrNull(job.key),
      job.tags.length === 0 ? '{}' : textArray(job.tags.map(plainText)),
      job.due !== null && 'delayMs' in job.due ? wholeNumber(Math.ceil(job.due.delayMs)) : null,
      job.due !== null && 'at' in job.due ? wholeNumber(Math.ceil(job.due.at)) : null,
      plainTextOrNull(job.trace),
    ]),
  )
}
