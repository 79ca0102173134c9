/**
 * `listJobs`: the three tables as one list, newest id first.
 *
 * A page looks at no more than {@link SCAN_LIMIT} rows of each table, so that a filter which nothing matches cannot keep the
 * store busy: the page is then short, or even empty, and its `next` goes on from where it stopped looking.
 */

import { JOB_STATES, type JobRecord } from '../../../job/job.ts'
import type { JobFilter, JobPage, JobQuery } from '../../store.ts'
import type { Db } from '../connection.ts'
import { decodeJob, ENDED_COLUMNS, LIVE_COLUMNS, type JobRow } from '../rows.ts'

/** How many rows of a table are looked at for one page, at most. */
export const SCAN_LIMIT = 50_000

/** Sorts after every id, because it is the last character of all. */
const AFTER_ALL = '\u{10FFFF}'

/** How many rows a search fetches at a time. */
const SEARCH_STEP = 200

const WINDOW = `where id < ?1 order by id desc limit ${SCAN_LIMIT}`

const MATCHES = `
  where state in (select value from json_each(?2))
    and (?3 is null or queue = ?3)
    and (?4 is null or name = ?4)
    and (?5 is null or key = ?5)
    and (?6 is null or (json_valid(tags) and exists (select 1 from json_each(tags) where value = ?6)))
  order by id desc limit ?7`

/** Where jobs lie: the page's statement, and the one that finds the end of its window. */
const SOURCES = [
  {
    states: ['scheduled', 'queued', 'running'],
    page: `select * from (select ${LIVE_COLUMNS} from millrace_job ${WINDOW}) ${MATCHES}`,
    edge: `select id from millrace_job where id < ? order by id desc limit 1 offset ${SCAN_LIMIT - 1}`,
  },
  {
    states: ['completed', 'cancelled'],
    page: `select * from (select ${ENDED_COLUMNS} from millrace_history ${WINDOW}) ${MATCHES}`,
    edge: `select id from millrace_history where id < ? order by id desc limit 1 offset ${SCAN_LIMIT - 1}`,
  },
  {
    states: ['failed'],
    page: `select * from (select ${ENDED_COLUMNS} from millrace_dead ${WINDOW}) ${MATCHES}`,
    edge: `select id from millrace_dead where id < ? order by id desc limit 1 offset ${SCAN_LIMIT - 1}`,
  },
] as const

// Few jobs run at a time, but their rows may lie far apart among millions that wait: they have an index of their own.
const RUNNING_SOURCE = {
  states: ['running'],
  page: `
    select * from (select ${LIVE_COLUMNS} from millrace_job indexed by millrace_job_running where state = 'running' and id < ?1) ${MATCHES}`,
  edge: null,
} as const

// Jobs that failed alike may be few among millions of dead letters: they have an index of their own.
const ALIKE = 'from millrace_dead indexed by millrace_dead_fingerprint where fingerprint = ?8 and id < ?1'
const ALIKE_SOURCE = {
  states: ['failed'],
  page: `select * from (select ${ENDED_COLUMNS} ${ALIKE} order by id desc limit ${SCAN_LIMIT}) ${MATCHES}`,
  edge: `select id ${ALIKE.replace('?8', '?2')} order by id desc limit 1 offset ${SCAN_LIMIT - 1}`,
} as const

interface Source {
  readonly page: string
  readonly edge: string | null
}

interface Slice {
  readonly rows: readonly JobRow[]
  /** Where the next slice begins; null when there is none. */
  readonly next: string | null
}

/** See {@link Store.listJobs}. */
export function listJobs(db: Db, query: JobQuery): JobPage {
  if (query.search === undefined || query.search === '') {
    const slice = readSlice(db, query, query.after ?? AFTER_ALL, query.limit)
    const jobs = slice.rows.map(decodeJob)
    return { jobs, next: slice.next, searched: { jobs: jobs.length, isComplete: slice.next === null } }
  }
  return searchJobs(db, query, query.search.toLowerCase())
}

function searchJobs(db: Db, query: JobQuery, text: string): JobPage {
  const jobs: JobRecord[] = []
  let looked = 0
  let next: string | null = query.after ?? AFTER_ALL
  // A window without a match counts as looking too, else a search in a huge table would never end.
  let windows = 0
  while (next !== null && jobs.length < query.limit && looked < query.searchLimit && windows < 20) {
    const slice: Slice = readSlice(db, query, next, Math.min(SEARCH_STEP, query.searchLimit - looked))
    if (slice.rows.length === 0) windows += 1
    next = slice.next
    for (const [index, row] of slice.rows.entries()) {
      looked += 1
      if (row.args.toLowerCase().includes(text)) jobs.push(decodeJob(row))
      if (jobs.length === query.limit) {
        const isLast = index === slice.rows.length - 1 && slice.next === null
        next = isLast ? null : row.id
        break
      }
    }
  }
  return { jobs, next, searched: { jobs: looked, isComplete: next === null } }
}

/** The next `limit` matching rows before `after`. */
function readSlice(db: Db, filter: JobFilter, after: string, limit: number): Slice {
  const states: readonly string[] = filter.states ?? JOB_STATES
  const parameters = [
    after,
    JSON.stringify(states),
    filter.queue ?? null,
    filter.name ?? null,
    filter.key ?? null,
    filter.tag ?? null,
    limit + 1,
  ]
  const rows: JobRow[] = []
  let edge: string | null = null
  const alike = filter.fingerprint === undefined ? [] : [filter.fingerprint]
  for (const source of alike.length > 0 ? alikeSources(states) : sourcesFor(states)) {
    // The column lists are those of `JobRow`, and the tables are strict.
    const found = db.prepare(source.page).all(...parameters, ...alike) as JobRow[]
    rows.push(...found)
    // A full answer needs no edge: what lies behind it is not on this page.
    if (found.length > limit || source.edge === null) continue
    const end = db.prepare(source.edge).get(after, ...alike) as { readonly id: string } | undefined
    if (end !== undefined && (edge === null || end.id > edge)) edge = end.id
  }
  rows.sort((a, b) => (a.id < b.id ? 1 : a.id > b.id ? -1 : 0))
  // Beyond the nearest edge some table has not been looked at.
  const seen = edge === null ? rows : rows.filter((row) => edge === null || row.id >= edge)
  const page = seen.slice(0, limit)
  if (seen.length > limit) return { rows: page, next: page.at(-1)?.id ?? null }
  return { rows: page, next: edge }
}

/** Only failed jobs have a fingerprint. */
function alikeSources(states: readonly string[]): readonly Source[] {
  return states.includes('failed') ? [ALIKE_SOURCE] : []
}

function sourcesFor(states: readonly string[]): readonly Source[] {
  if (states.includes('running') && !states.includes('queued') && !states.includes('scheduled')) {
    return [
      RUNNING_SOURCE,
      ...SOURCES.slice(1).filter((source) => source.states.some((state) => states.includes(state))),
    ]
  }
  return SOURCES.filter((source) => source.states.some((state) => states.includes(state)))
}
