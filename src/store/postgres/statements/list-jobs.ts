/**
 * `listJobs`: the three tables as one list, newest id first.
 *
 * A page looks at no more than {@link SCAN_LIMIT} rows of each table, so that a filter which nothing matches cannot keep the
 * database busy: the page is then short, or even empty, and its `next` goes on from where it stopped looking.
 */

import { isUuid } from '../../../host/uuid.ts'
import { JOB_STATES, type JobRecord } from '../../../job/job.ts'
import type { JobFilter, JobPage, JobQuery } from '../../store.ts'
import { plainText } from '../../stored-values.ts'
import { textArray } from '../array-literal.ts'
import type { Db } from '../database.ts'
import { decodeJob, ENDED_COLUMNS, LIVE_COLUMNS, UNDER_LEASE, type JobRow } from '../rows.ts'

/** How many rows of a table are looked at for one page, at most. */
const SCAN_LIMIT = 50_000

/** Sorts after every id. */
const AFTER_ALL = 'ffffffff-ffff-ffff-ffff-ffffffffffff'

/** How many rows a search fetches at a time. */
const SEARCH_STEP = 200

const MATCHES = `
  where state = any($2::text[])
    and ($3::text is null or queue = $3)
    and ($4::text is null or name = $4)
    and ($5::text is null or key = $5)
    and ($6::text is null or $6 = any(tags))
  order by id desc limit $7::integer`

const windowOf = (table: string, columns: string): string =>
  `select * from (select ${columns} from /* schema */.${table} where id < $1::uuid order by id desc limit ${SCAN_LIMIT}) found ${MATCHES}`

const edgeOf = (table: string): string =>
  `select id from /* schema */.${table} where id < $1::uuid order by id desc offset ${SCAN_LIMIT - 1} limit 1`

interface Source {
  readonly states: readonly string[]
  /** The page's statement, and the one that finds the end of its window. */
  readonly page: string
  readonly edge: string | null
}

const SOURCES: readonly Source[] = [
  { states: ['scheduled', 'queued', 'running'], page: windowOf('job', LIVE_COLUMNS), edge: edgeOf('job') },
  { states: ['completed', 'cancelled'], page: windowOf('history', ENDED_COLUMNS), edge: edgeOf('history') },
  { states: ['failed'], page: windowOf('dead', ENDED_COLUMNS), edge: edgeOf('dead') },
]

// Few jobs run at a time, but their rows may lie far apart among millions that wait: the leases know where.
const RUNNING_SOURCE: Source = {
  states: ['running'],
  page: `
    select * from (
      select ${LIVE_COLUMNS} from /* schema */.job where (queue, priority, seq) in (
        select j.queue, j.priority, j.seq from /* schema */.lease l cross join ${UNDER_LEASE})
      and id < $1::uuid) found ${MATCHES}`,
  edge: null,
}

// Jobs that failed alike may be few among millions of dead letters: they have an index of their own.
const alikeOf = (fingerprint: string): string =>
  `from /* schema */.dead where fingerprint = ${fingerprint}::text and id < $1::uuid order by id desc`

const ALIKE_SOURCE: Source = {
  states: ['failed'],
  page: `select * from (select ${ENDED_COLUMNS} ${alikeOf('$8')} limit ${SCAN_LIMIT}) found ${MATCHES}`,
  edge: `select id ${alikeOf('$2')} offset ${SCAN_LIMIT - 1} limit 1`,
}

interface Slice {
  readonly rows: readonly JobRow[]
  /** Where the next slice begins; null when there is none. */
  readonly next: string | null
}

/** See {@link Store.listJobs}. */
export async function listJobs(db: Db, query: JobQuery): Promise<JobPage> {
  const { after } = query
  if (after !== undefined && !isUuid(after)) return { jobs: [], next: null, searched: { jobs: 0, isComplete: true } }
  if (query.search === undefined || query.search === '') {
    const slice = await readSlice(db, query, after ?? AFTER_ALL, query.limit)
    const jobs = slice.rows.map(decodeJob)
    return { jobs, next: slice.next, searched: { jobs: jobs.length, isComplete: slice.next === null } }
  }
  return searchJobs(db, query, query.search.toLowerCase())
}

async function searchJobs(db: Db, query: JobQuery, text: string): Promise<JobPage> {
  const jobs: JobRecord[] = []
  let looked = 0
  let next: string | null = query.after ?? AFTER_ALL
  // A window without a match counts as looking too, else a search in a huge table would never end.
  let windows = 0
  while (next !== null && jobs.length < query.limit && looked < query.searchLimit && windows < 20) {
    const slice: Slice = await readSlice(db, query, next, Math.min(SEARCH_STEP, query.searchLimit - looked))
    if (slice.rows.length === 0) windows += 1
    next = slice.next
    for (const [index, row] of slice.rows.entries()) {
      looked += 1
      const job = decodeJob(row)
      if (job.args.text.toLowerCase().includes(text)) jobs.push(job)
      if (jobs.length === query.limit) {
        const isLast = index === slice.rows.length - 1 && slice.next === null
        next = isLast ? null : job.id
        break
      }
    }
  }
  return { jobs, next, searched: { jobs: looked, isComplete: next === null } }
}

/** The next `limit` matching rows before `after`. */
async function readSlice(db: Db, filter: JobFilter, after: string, limit: number): Promise<Slice> {
  const states: readonly string[] = filter.states ?? JOB_STATES
  const textOrNull = (text: string | undefined): string | null => (text === undefined ? null : plainText(text))
  const parameters = [
    after,
    textArray(states),
    textOrNull(filter.queue),
    textOrNull(filter.name),
    textOrNull(filter.key),
    textOrNull(filter.tag),
    limit + 1,
  ]
  const rows: JobRow[] = []
  let edge: string | null = null
  const alike = filter.fingerprint === undefined ? [] : [plainText(filter.fingerprint)]
  for (const source of alike.length > 0 ? alikeSources(states) : sourcesFor(states)) {
    // The column lists are those of `JobRow`.
    const found = (await db.query(source.page, [...parameters, ...alike])) as unknown as readonly JobRow[]
    rows.push(...found)
    // A full answer needs no edge: what lies behind it is not on this page.
    if (found.length > limit || source.edge === null) continue
    const [end] = await db.query(source.edge, [after, ...alike])
    if (end !== undefined && (edge === null || String(end[0]) > edge)) edge = String(end[0])
  }
  const listed = withoutEnded(rows)
  listed.sort(([a], [b]) => (a < b ? 1 : a > b ? -1 : 0))
  // Beyond the nearest edge some table has not been looked at.
  const seen = edge === null ? listed : listed.filter(([id]) => edge === null || id >= edge)
  const page = seen.slice(0, limit)
  if (seen.length > limit) return { rows: page, next: page.at(-1)?.[0] ?? null }
  return { rows: page, next: edge }
}

/** Only failed jobs have a fingerprint. */
function alikeSources(states: readonly string[]): readonly Source[] {
  return states.includes('failed') ? [ALIKE_SOURCE] : []
}

function sourcesFor(states: readonly string[]): readonly Source[] {
  const isWanted = (source: Source): boolean => source.states.some((state) => states.includes(state))
  if (states.includes('running') && !states.includes('queued') && !states.includes('scheduled')) {
    return [RUNNING_SOURCE, ...SOURCES.slice(1).filter(isWanted)]
  }
  return SOURCES.filter(isWanted)
}

/** The rows without those of live jobs that ended before the tables of ended jobs were looked at, and are in both. */
function withoutEnded(rows: readonly JobRow[]): JobRow[] {
  const lifeOf = (row: JobRow): string => `${row[0]} ${row[8]}`
  const ended = new Set(rows.filter((row) => !LIVE_STATES.has(row[3])).map(lifeOf))
  return rows.filter((row) => !LIVE_STATES.has(row[3]) || !ended.has(lifeOf(row)))
}

const LIVE_STATES: ReadonlySet<JobRow[3]> = new Set(['scheduled', 'queued', 'running'])
