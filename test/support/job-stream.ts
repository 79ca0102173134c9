/** A stream of jobs without end, beside which a test looks how others fare. */

import type pg from 'pg'
import { onTestFinished } from 'vitest'

import { eventually } from './eventually.ts'

const FEED = `
  insert into millrace.job (name, seq) select 'work.stream', nextval('millrace.job_seq') from generate_series(1, $1)`

/** How many jobs are stored at a time. */
const BATCH = 500

/** What a stream needs. */
export interface JobStreamOptions {
  /** A connection of its own. */
  readonly client: pg.Client
  /** How many jobs named `work.stream` have run. */
  readonly ran: () => number
  /** How many are kept waiting, so that claims find as much as they ask for. */
  readonly ready: number
}

/** Stores jobs until the test ends, or until what is answered is called; begins to be full before it answers. */
export async function aJobStream({ client, ran, ready }: JobStreamOptions): Promise<() => Promise<void>> {
  let stored = 0
  let isOver = false
  const running = (async () => {
    while (!isOver) {
      if (stored - ran() < ready) {
        await client.query(FEED, [BATCH])
        stored += BATCH
      } else {
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
  })()
  const end = async (): Promise<void> => {
    isOver = true
    await running
  }
  onTestFinished(end)
  await eventually(() => ran() > 2 * ready)
  return end
}
