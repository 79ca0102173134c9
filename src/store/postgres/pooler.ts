/**
 * Poolers between this process and the server: whether there is one, and whether it hands the connections of the server from
 * client to client, as pgbouncer does in transaction mode. Nothing may then be left behind on a connection, and notifications
 * get lost.
 */

import type { Client, PoolClient } from 'pg'

const READ_PID = 'select pg_backend_pid()::integer as pid'

const LOOK = `${READ_PID}, current_setting('transaction_read_only') = 'on' as is_read_only`

/** What a new connection leads to. */
export interface ConnectionLook {
  /** Another process of the server answers than the one that the connection was made to: a pooler announces its own. */
  readonly isPooled: boolean
  /** The server is a standby, or takes no writes for another reason. */
  readonly isReadOnly: boolean
}

/** Looks until it is as good as sure; a pooler mostly gives the connection that was used last, so one look tells. */
const MOST_LOOKS = 5

/** Looks where a new connection leads. */
export async function lookAt(client: Client | PoolClient): Promise<ConnectionLook> {
  // A property that the type declarations of the driver leave out.
  const { processID } = client as unknown as { readonly processID?: number | null }
  const { rows } = await client.query<{ pid: number; is_read_only: boolean }>(LOOK)
  return { isPooled: rows[0]?.pid !== processID, isReadOnly: rows[0]?.is_read_only === true }
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
