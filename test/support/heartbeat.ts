/** Whether the heart of a worker on PostgreSQL beats. */

import type pg from 'pg'

import { eventually } from './eventually.ts'

/**
 * Answers when the heart of the only node has beaten once more; the node must be idle. Its picture is written by the same
 * statement over another connection, at most once after it fell idle, so it takes two.
 */
export async function heartbeat(client: pg.Client): Promise<void> {
  const count = async () => Number((await client.query('select beat_seq from millrace.node')).rows[0]?.beat_seq)
  const before = await count()
  await eventually(async () => (await count()) >= before + 2, { withinMs: 20_000, everyMs: 50 })
}
