/**
 * A worker with a stream of jobs whose way to PostgreSQL can be disturbed, and an account of what became of each job: from the
 * inside, by who ran, and from the outside, by triggers that write down every end in the transaction that made it.
 */

import { currentJob, type QueueOptions, type Runner } from 'millrace'
import pg from 'pg'
import { onTestFinished } from 'vitest'

import { eventually } from './eventually.ts'
import { postgresDatabase } from './postgres-database.ts'
import { administer } from './postgres-server.ts'
import { passRealTime } from './real-time.ts'
import { aWorker, eventsOf } from './runner.ts'
import { anId } from './store-jobs.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

/** How soon work goes on when the database is back: two seconds, and as much again because tests share the machine. */
export const RESUMES_WITHIN_MS = 4_000

/** What a place is made of. */
export interface OutagePlaceOptions {
  /** The URL of an empty database. Default: a new one of the suite's server. */
  readonly url?: string
  /** Settings of the queue of its jobs. */
  readonly queue?: QueueOptions
}

/** What became of all jobs that were stored. All but `ended` and `refused` ought to be empty or 0. */
export interface Account {
  /** Jobs that ended once and completed. */
  readonly ended: number
  /** Stored, and neither ended nor there. */
  readonly lost: readonly string[]
  readonly endedTwice: readonly string[]
  /** Rows of the live tables. */
  readonly leftJobs: number
  readonly leftLeases: number
  /** Jobs whose handler ran more than once. */
  readonly ranTwice: readonly string[]
  /** Ends that the store refused, because another attempt holds the job. */
  readonly stale: number
}

/** An account in which all is well. */
export function allEndedOnce(place: Pick<OutagePlace, 'ids'>): Account {
  return {
    ended: place.ids.length,
    lost: [],
    endedTwice: [],
    leftJobs: 0,
    leftLeases: 0,
    ranTwice: [],
    stale: 0,
  }
}

/** How an enqueue may be rejected while the database is away. */
export const AWAY: RegExp = /^ERR_(STORE_UNAVAILABLE|OUTCOME_UNKNOWN)$/

/** The codes of rejections that an outage does not explain. */
export function oddRefusals({ refusals }: Pick<OutagePlace, 'refusals'>): string[] {
  return refusals.filter((code) => !AWAY.test(code))
}

/** Begins an outage while two handlers run, and answers the ids of their jobs when their ends wait in the outbox. */
export async function someEndWhile(place: OutagePlace, begin: () => void | Promise<void>): Promise<string[]> {
  const ids = [await place.enqueue(600), await place.enqueue(600)]
  await eventually(() => (place.runner.inspect().worker?.handlers ?? 0) >= 2)
  await begin()
  await eventually(() => (place.runner.inspect().worker?.outbox ?? 0) >= 2)
  return ids
}

/** The jobs of a place. */
type Jobs = { readonly work: { readonly run: (ms: number) => Promise<string> } }

/** See the head of this file. */
export interface OutagePlace {
  readonly runner: Runner<Jobs>
  readonly proxy: TcpProxy
  /** The database, past the proxy. */
  readonly direct: string
  /** Ids of the jobs that are stored. */
  readonly ids: readonly string[]
  /** When handlers began, by the clock of this machine. */
  readonly starts: readonly number[]
  /** The codes of the errors that enqueues were rejected with. */
  readonly refusals: readonly string[]
  /** The codes of the errors of the worker, with the time of each. */
  readonly troubles: readonly { readonly code: string; readonly at: number }[]
  /** Stores a job whose handler takes so long, repeating the call with the same id until it is stored. */
  enqueue(ms?: number): Promise<string>
  /** Stores one job after the other until it is told to stop; resolves when the last one is stored. */
  stream(): { stop(): Promise<void> }
  /** When the first handler began after that time. */
  startedAfter(at: number): Promise<number>
  /** Waits until all jobs have ended, and answers what became of them. */
  account(): Promise<Account>
  /** Runs a statement past the proxy. */
  admin(statement: string): Promise<readonly Record<string, unknown>[]>
}

const AUDIT = `
  create table audit (id uuid, ended_in text);
  create function note_end() returns trigger language plpgsql as $$ begin
    insert into public.audit values (new.id, tg_table_name); return null;
  end $$;
  create trigger note_end after insert on millrace.history for each row execute function note_end();
  create trigger note_end after insert on millrace.dead for each row execute function note_end()`

/** Makes a place with a started worker. */
export async function anOutagePlace(options: OutagePlaceOptions = {}): Promise<OutagePlace> {
  const direct = options.url ?? (await postgresDatabase()).url
  const proxy = await startTcpProxy({ port: Number(new URL(direct).port) })
  onTestFinished(() => proxy.close())
  const runs = new Map<string, number>()
  const starts: number[] = []
  const work = {
    run: async (ms: number) => {
      const { id } = currentJob()
      starts.push(Date.now())
      runs.set(id, (runs.get(id) ?? 0) + 1)
      if (ms > 0) await passRealTime(ms)
      return id
    },
  }
  const queues = { default: { concurrency: 5, ...options.queue } }
  const { runner } = await aWorker<Jobs>({ work }, { database: proxy.url(direct), queues })
  await administer(direct, AUDIT)
  const troubles: { code: string; at: number }[] = []
  runner.on('store:error', ({ error }) => {
    const { code = 'none' } = error as { code?: string }
    troubles.push({ code, at: Date.now() })
  })
  const stale = eventsOf(runner, 'job:stale')
  const ids: string[] = []
  const refusals: string[] = []
  const enqueue = async (ms = 0): Promise<string> => {
    const id = anId()
    await eventually(
      () =>
        runner.enqueue(work.run, [ms], { id }).catch((error: unknown) => {
          const { code = String(error) } = error as { code?: string }
          refusals.push(code)
          return false as const
        }),
      { everyMs: 50, withinMs: 40_000 },
    )
    ids.push(id)
    return id
  }
  const account = async (): Promise<Account> => {
    await Promise.all(ids.map((id) => runner.result(id, { timeout: '40s' })))
    const client = new pg.Client({ connectionString: direct })
    await client.connect()
    try {
      const { rows } = await client.query<{ id: string; ended_in: string }>('select id, ended_in from audit')
      const ends = new Map<string, string[]>()
      for (const row of rows) ends.set(row.id, [...(ends.get(row.id) ?? []), row.ended_in])
      const count = async (table: string): Promise<number> =>
        (await client.query<{ count: number }>(`select count(*)::integer as count from millrace.${table}`)).rows[0]
          ?.count ?? 0
      return {
        ended: ids.filter((id) => ends.get(id)?.join() === 'history').length,
        lost: ids.filter((id) => !ends.has(id)),
        endedTwice: [...ends].flatMap(([id, list]) => (list.length > 1 ? [id] : [])),
        leftJobs: await count('job'),
        leftLeases: await count('lease'),
        ranTwice: [...runs].flatMap(([id, times]) => (times > 1 ? [id] : [])),
        stale: stale.length,
      }
    } finally {
      await client.end()
    }
  }
  return {
    runner,
    proxy,
    direct,
    ids,
    starts,
    refusals,
    troubles,
    enqueue,
    stream: () => {
      let isOn = true
      const loop = (async () => {
        while (isOn) {
          await enqueue()
          await passRealTime(20)
        }
      })()
      return {
        stop: async () => {
          isOn = false
          await loop
        },
      }
    },
    startedAfter: (at) => eventually(() => starts.find((start) => start > at), { withinMs: 30_000 }),
    account,
    admin: (statement) => administer(direct, statement),
  }
}
