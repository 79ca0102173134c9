/**
 * What may be wrong around a PostgreSQL database, found without changing it. The facts are read first, each by one statement;
 * the judgements over them are pure.
 *
 *     server, role, beat ─┐
 *     clock              ─┤
 *     pooler, listen     ─┼─▶ findings
 *     snapshots          ─┤
 *     schema ─▶ rights ─▶ dead rows
 */

import { judgeVersion, ok } from '../findings.ts'
import type { Client } from 'pg'

import type { Host } from '../../host/host.ts'
import { uuidV4 } from '../../host/uuid.ts'
import type { Finding } from '../store.ts'
import type { Database, Db, Row } from './database.ts'
import { translateError } from './errors.ts'
import { isShared, lookAt } from './pooler.ts'
import { readVersion, SCHEMA_VERSION } from './schema.ts'

/** What is looked at. */
export interface DiagnosedDatabase {
  readonly database: Database
  /** Whether the beat runs on the event loop of its process, because its settings cannot go to a thread. */
  readonly isBeatOnLoop: boolean
}

/** The oldest server whose functions the statements need. */
const MIN_SERVER = 13
const CLOCK_TOLERANCE_MS = 1_000
const SNAPSHOT_TOLERANCE_MS = 5 * 60_000
/** Vacuum has fallen behind when there are more dead rows than this, and many times more than live ones. */
const DEAD_ROWS = 100_000
const DEAD_SHARE = 5
const LISTEN_TIMEOUT_MS = 2_000

/** Makes every check. Throws when the database cannot be reached. */
export async function diagnoseDatabase(
  host: Host,
  { database, isBeatOnLoop }: DiagnosedDatabase,
): Promise<readonly Finding[]> {
  return database.general.session(async (db) => {
    const server = judgeServer(await readServer(db))
    const clock = judgeClock(await readClock(host, db))
    const wire = judgeWire(await tryWire(host, database))
    const sessions = judgeSessions(await readSessions(db))
    return [
      ...server,
      judgeBeat(isBeatOnLoop),
      clock,
      ...wire,
      sessions,
      ...(await diagnoseSchema(db, database.schema)),
    ]
  })
}

// ── server and role ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The server and who we are on it. */
export interface ServerFacts {
  /** Such as 180001. */
  readonly version: number
  readonly role: string
  readonly isSuperuser: boolean
}

const READ_SERVER = `
  select current_setting('server_version_num')::integer, current_user::text,
    (select rolsuper from pg_roles where rolname = current_user)`

async function readServer(db: Db): Promise<ServerFacts> {
  const [row = []] = await db.query(READ_SERVER)
  return { version: Number(row[0]), role: String(row[1]), isSuperuser: row[2] === true }
}

/** Judges the version of the server and the role. */
export function judgeServer({ version, role, isSuperuser }: ServerFacts): Finding[] {
  const major = Math.floor(version / 10_000)
  const engine: Finding =
    major >= MIN_SERVER
      ? ok('engine', `PostgreSQL ${major}.${version % 10_000}`)
      : {
          check: 'engine',
          level: 'problem',
          found: `the server is PostgreSQL ${major}, which is too old`,
          advice: `use PostgreSQL ${MIN_SERVER} or later`,
        }
  const who: Finding = isSuperuser
    ? {
        check: 'role',
        level: 'warning',
        found: `"${role}" is a superuser: whoever gets its password owns the whole server`,
        advice: 'make a role with the few rights that workers need, see the guide for PostgreSQL',
      }
    : ok('role', `"${role}" is no superuser`)
  return [engine, who]
}

/** Judges where the beat runs. */
export function judgeBeat(isBeatOnLoop: boolean): Finding {
  if (!isBeatOnLoop) return ok('beat', 'workers beat from a thread of their own')
  return {
    check: 'beat',
    level: 'warning',
    found:
      'the settings of the connection hold a function, so workers beat on their event loop: one whose handler blocks for ten seconds is taken for dead',
    advice: 'give a URL, or a pool whose password is a text',
  }
}

// ── clock ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The two clocks, read together. */
export interface ClockFacts {
  /** By how much this process is ahead of the database, in milliseconds. */
  readonly aheadMs: number
  /** How far that may be off. */
  readonly errorMs: number
}

async function readClock(host: Host, db: Db): Promise<ClockFacts> {
  const { clock } = host
  const [now, began] = [clock.now(), clock.monotonic()]
  const [row = []] = await db.query('select (extract(epoch from clock_timestamp()) * 1000)::double precision')
  const errorMs = (clock.monotonic() - began) / 2
  return { aheadMs: now + errorMs - Number(row[0]), errorMs }
}

/** Judges the difference of the clocks. */
export function judgeClock({ aheadMs, errorMs }: ClockFacts): Finding {
  if (Math.abs(aheadMs) - errorMs <= CLOCK_TOLERANCE_MS)
    return ok('clock', 'this machine and the database agree on the time')
  const seconds = Math.round(Math.abs(aheadMs) / 100) / 10
  return {
    check: 'clock',
    level: 'problem',
    found: `the clock of this machine is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of the database`,
    advice: 'keep both by NTP; times given as `at` are meant by the clock of the caller',
  }
}

// ── pooler and notifications ───────────────────────────────────────────────────────────────────────────────────────────

/** What happened on a connection that listens. */
export interface WireFacts {
  /** Whether the process that answers is another than the one that was connected to. */
  readonly isPooled: boolean
  /** Whether a notification came back. */
  readonly isHeard: boolean
}

async function tryWire(host: Host, database: Database): Promise<WireFacts> {
  const client = await database.client()
  try {
    await client.connect()
    const { isPooled } = await lookAt(client)
    const isDeaf = isPooled && (await isShared(client, database.general))
    return { isPooled, isHeard: !isDeaf && (await isHeard(host, client, database)) }
  } catch (error) {
    throw translateError(error, database.name)
  } finally {
    await client.end().catch(() => {})
  }
}

async function isHeard(host: Host, client: Client, database: Database): Promise<boolean> {
  const channel = `millrace_doctor_${uuidV4(host).replaceAll('-', '')}`
  let hear = (_isHeard: boolean): void => {}
  const heard = new Promise<boolean>((resolve) => (hear = resolve))
  client.on('notification', (message) => {
    if (message.channel === channel) hear(true)
  })
  await database.on(client).query(`listen ${channel}`)
  // From another connection, as others do: what a connection sends to itself comes back even through a pooler.
  await database.general.query('select pg_notify($1, $2)', [channel, ''])
  const timer = host.clock.after(LISTEN_TIMEOUT_MS, () => hear(false))
  const answer = await heard
  timer.cancel()
  return answer
}

/** Judges the way to the server. */
export function judgeWire({ isPooled, isHeard: hears }: WireFacts): Finding[] {
  const direct = 'let workers connect to the server itself, and only processes that enqueue through the pooler'
  const pooler: Finding = isPooled
    ? {
        check: 'pooler',
        // One that gives each client a connection of its own is in nobody's way.
        level: hears ? 'warning' : 'problem',
        found: `a pooler stands between this process and the server${hears ? '' : ', and gives its connections to others between statements'}`,
        advice: direct,
      }
    : ok('pooler', 'the server is reached directly')
  const listen: Finding = hears
    ? ok('listen', 'notifications arrive')
    : {
        check: 'listen',
        level: 'problem',
        found: 'notifications do not arrive: idle workers find new jobs only by looking, twice a second',
        advice: isPooled ? direct : 'look for what drops them between this process and the server',
      }
  return [pooler, listen]
}

// ── old snapshots ──────────────────────────────────────────────────────────────────────────────────────────────────────

/** The oldest transaction of others. */
export interface SessionFacts {
  /** Whether the sessions of other roles could be seen. */
  readonly seesAll: boolean
  readonly oldest: { readonly name: string; readonly state: string; readonly ageMs: number } | null
}

// Whatever holds back vacuum: sessions with a snapshot or a transaction id, and transactions that were prepared and left.
const OLDEST_TRANSACTION = `
  select name, state, age_ms from (
    select format('pid %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name')) as name, state,
      (extract(epoch from clock_timestamp() - xact_start) * 1000)::double precision as age_ms
    from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid() and backend_type <> 'autovacuum worker'
      and (backend_xmin is not null or backend_xid is not null or state like 'idle in transaction%')
    union all
    select format('prepared transaction %s (%s)', gid, owner), 'prepared',
      (extract(epoch from clock_timestamp() - prepared) * 1000)::double precision
    from pg_prepared_xacts where database = current_database()
  ) held where age_ms is not null order by age_ms desc limit 1`

const SEES_ALL = `
  select pg_has_role(current_user, 'pg_read_all_stats', 'usage')
    or (select rolsuper from pg_roles where rolname = current_user)`

async function readSessions(db: Db): Promise<SessionFacts> {
  const [sees = []] = await db.query(SEES_ALL)
  const [row] = await db.query(OLDEST_TRANSACTION)
  const oldest = row === undefined ? null : { name: String(row[0]), state: String(row[1]), ageMs: Number(row[2]) }
  return { seesAll: sees[0] === true, oldest }
}

/** Judges the oldest transaction. */
export function judgeSessions({ seesAll, oldest }: SessionFacts): Finding {
  if (oldest !== null && oldest.ageMs > SNAPSHOT_TOLERANCE_MS) {
    return {
      check: 'snapshots',
      level: 'problem',
      found: `${oldest.name} has held a transaction open for ${Math.floor(oldest.ageMs / 60_000)} minutes (${oldest.state}): until it ends no dead row can be removed`,
      advice: 'end it, and set idle_in_transaction_session_timeout',
    }
  }
  const scope = seesAll ? '' : ' as far as this role sees (grant it pg_read_all_stats to see all)'
  return ok(
    'snapshots',
    `no transaction has been open for longer than ${SNAPSHOT_TOLERANCE_MS / 60_000} minutes${scope}`,
  )
}

// ── schema, rights and dead rows ───────────────────────────────────────────────────────────────────────────────────────

const READ_NAMESPACE = `
  select to_regnamespace('/* schema */') is not null,
    has_schema_privilege(to_regnamespace('/* schema */'), 'usage'), current_user::text`

// The version is only read; all other tables are read and written.
const MISSING_RIGHTS = `
  select c.relname, string_agg(p.name, ', ' order by p.place)
  from pg_class c,
    lateral unnest(case when c.relname = 'schema_version' then array['select'] else array['select', 'insert', 'update', 'delete'] end)
      with ordinality p (name, place)
  where c.relnamespace = to_regnamespace('/* schema */') and c.relkind in ('r', 'p') and not has_table_privilege(c.oid, p.name)
  group by c.relname
  union all
  select c.relname, 'usage' from pg_class c
  where c.relnamespace = to_regnamespace('/* schema */') and c.relname = 'job_seq' and c.relkind = 'S'
    and not has_sequence_privilege(c.oid, 'usage')
  order by 1`

const DEAD_ROW_COUNTS = `
  select s.relname, s.n_live_tup::double precision, s.n_dead_tup::double precision
  from pg_stat_all_tables s join pg_class c on c.oid = s.relid
  where c.relnamespace = to_regnamespace('/* schema */')`

async function diagnoseSchema(db: Db, schema: string): Promise<Finding[]> {
  const [row = []] = await db.query(READ_NAMESPACE)
  const [exists, mayUse, role] = row
  if (exists !== true) return [judgeVersion(0, SCHEMA_VERSION)]
  if (mayUse !== true) return [judgeRights({ role: String(role), schema, missing: [['the schema', 'usage']] })]

  const missing = (await db.query(MISSING_RIGHTS)).map((right) => [String(right[0]), String(right[1])] as const)
  const rights = judgeRights({ role: String(role), schema, missing })
  if (missing.some(([table]) => table === 'schema_version')) return [rights]
  const version = judgeVersion(await readVersion(db, schema), SCHEMA_VERSION)
  return version.level === 'ok' ? [version, rights, judgeDeadRows(await readDeadRows(db))] : [version]
}

/** What a role lacks, by table. */
export interface RightsFacts {
  readonly role: string
  readonly schema: string
  readonly missing: readonly (readonly [table: string, rights: string])[]
}

/** Judges the rights of the role: those that a worker needs. */
export function judgeRights({ role, schema, missing }: RightsFacts): Finding {
  if (missing.length === 0) return ok('rights', `"${role}" may do what a worker does in schema "${schema}"`)
  const list = missing.map(([table, rights]) => `${table} (${rights})`).join(', ')
  return {
    check: 'rights',
    level: 'problem',
    found: `"${role}" lacks rights of a worker in schema "${schema}": ${list}`,
    advice: 'grant them, see the guide for PostgreSQL; a role that only looks or only enqueues needs fewer',
  }
}

/** Rows of a table, as the server counts them. */
export interface TableFacts {
  readonly table: string
  readonly live: number
  readonly dead: number
}

async function readDeadRows(db: Db): Promise<TableFacts[]> {
  const rows = await db.query(DEAD_ROW_COUNTS)
  return rows.map((row: Row) => ({ table: String(row[0]), live: Number(row[1]), dead: Number(row[2]) }))
}

/** Judges whether vacuum keeps up. */
export function judgeDeadRows(tables: readonly TableFacts[]): Finding {
  const behind = tables.filter(({ live, dead }) => dead > DEAD_ROWS && dead > live * DEAD_SHARE)
  if (behind.length === 0) return ok('vacuum', 'vacuum keeps up with the dead rows')
  const list = behind.map(({ table, dead, live }) => `${table} (${dead} dead, ${live} live)`).join(', ')
  return {
    check: 'vacuum',
    level: 'warning',
    found: `vacuum does not keep up: ${list}`,
    advice: 'look for an old transaction, and that autovacuum is on with its settings for these tables',
  }
}
