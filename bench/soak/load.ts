/** The jobs of the load and the settings of their queues: the same in every process. */

import { setTimeout as sleep } from 'node:timers/promises'

import type pg from 'pg'

import type { Runner } from '../../src/index.ts'
import { createRunner, currentJob, job, openTelemetry, webhookNotifier } from './millrace.ts'

/** How long the breaker of payments stays open. */
export const OPEN_FOR_MS = 3_000
/** The bounds of the queue that gets the burst. */
export const BURST_CONCURRENCY = { min: 1, max: 8 }

/** Where everything is. */
export interface LoadPlaces {
  readonly database: string
  /** Of the service that jobs call. */
  readonly service: string
}

/** The runner of a process of the load. */
export type LoadRunner = Runner<ReturnType<typeof jobsOf>>

/** Makes a runner. One that is not started only enqueues and watches. `pool` is for the effects of jobs. */
export function loadRunner(places: LoadPlaces, pool: pg.Pool): LoadRunner {
  return createRunner({
    database: places.database,
    jobs: jobsOf(places, pool),
    queues: {
      background: { concurrency: 4 },
      payments: {
        concurrency: 2,
        breaker: { errorRate: 0.5, window: '10s', minimumCalls: 8, openFor: OPEN_FOR_MS },
      },
      burst: { concurrency: BURST_CONCURRENCY },
      imports: { concurrency: 2 },
      orders: { concurrency: 4 },
    },
    telemetry: openTelemetry(),
    onDeadLetter: webhookNotifier({ url: `${places.service}/webhook` }),
  })
}

function jobsOf({ service }: LoadPlaces, pool: pg.Pool) {
  return {
    background: {
      tick: job({ queue: 'background' }, async (ms: number) => {
        await sleep(ms)
      }),
    },
    payments: {
      charge: job(
        { queue: 'payments', maxAttempts: 20, backoff: { base: '200ms', factor: 1 } },
        async (order: number) => {
          const { ok, status } = await fetch(`${service}/charge/${order}`, { method: 'POST' })
          if (!ok) throw new Error(`the payment service answered ${status}`)
        },
      ),
    },
    burst: {
      render: job({ queue: 'burst' }, async (_page: number) => {
        await sleep(100)
      }),
    },
    imports: {
      load: job({ queue: 'imports', maxAttempts: 2, backoff: { base: '100ms' } }, async (file: string) => {
        const answer = await fetch(`${service}/input/${file}`)
        return Object.keys(JSON.parse(await answer.text()) as object).length
      }),
    },
    orders: {
      book: job({ queue: 'orders', maxAttempts: 5, backoff: { base: '100ms' } }, async (order: number) => {
        await sleep(400)
        const client = await pool.connect()
        try {
          await client.query('begin')
          await client.query('insert into effects (order_id, pid) values ($1, $2)', [order, process.pid])
          await currentJob().complete(client)
          await client.query('commit')
        } catch (error) {
          await client.query('rollback')
          throw error
        } finally {
          client.release()
        }
      }),
    },
  }
}
