/**
 * Poolers between this process and the server: whether there is one, and whether it hands the connections of the server from
 * client to client, as pgbouncer does in transaction mode. Nothing may then be left behind on a connection, and notifications
 * get lost.
 */

import type { Client, PoolClient } from 'pg'

const READ_PID = 'select pg_backend_pid()::integer as pid'

/** Looks until it is as good as sure; a pooler mostly gives the connection that was used last, so one look tells. */
const MOST_LOOKS = 5

/**
 * Whether another process of the server answers than the one that the connection was made to: a pooler announces a number of
 * its own.
 */
export async function isPooled(client: Client | PoolClient): Promise<boolean> {
  // A property that the type declarations of the driver leave out.
  const { processID } = client as unknown as { readonly processID?: number | null }
  return (await readPid(client)) !== processID
}

/**
 * Whether a connection through a pooler gets the server's connections in turn with `others`. Answers true only when it has
 * seen that.
 */
export async function isShared(
  client: Client,
  others: { query(text: string): Promise<readonly (readonly unknown[])[]> },
): Promise<boolean> {
  const own = new Set<unknown>()
  for (let look = 0; look < MOST_LOOKS; look++) {
    own.add(await readPid(client))
    const [row] = await others.query(READ_PID)
    if (own.size > 1 || own.has(row?.[0])) return true
  }
  return false
}

async function readPid(client: Client | PoolClient): Promise<number | undefined> {
  const { rows } = await client.query<{ pid: number }>(READ_PID)
  return rows[0]?.pid
}
