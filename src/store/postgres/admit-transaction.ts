/**
 * Whether a transaction of the user is on the database of the store. A database is known by the moment at which its server
 * started, which no two servers share, and its name: both can be read by anybody, and through a pooler too.
 *
 * What was found out about a connection is remembered as long as it lives, so that a long-lived one is asked once.
 */

import { storeError } from '../errors.ts'
import type { UserTransaction } from './user-transaction.ts'

const WHERE = `
  select current_database()::text as database, extract(epoch from pg_postmaster_start_time())::text as started,
    coalesce(host(inet_server_addr()) || ':' || inet_server_port()::text, 'a local socket')::text as server`

interface Place {
  readonly database: string
  readonly started: string
  readonly server: string
}

/** What of the store is asked where it is. */
export interface OwnDatabase {
  query(text: string): Promise<readonly (readonly unknown[])[]>
}

/** Tells the transactions of a store's own database from others. One per store. */
export class TransactionGate {
  readonly #own: OwnDatabase
  readonly #admitted = new WeakSet<object>()
  #place: Place | undefined

  constructor(own: OwnDatabase) {
    this.#own = own
  }

  /** Throws `ERR_TX_FOREIGN`, naming both databases, for a transaction elsewhere; and what the two throw that are asked. */
  async admit(user: UserTransaction): Promise<void> {
    if (this.#admitted.has(user.database)) return
    const theirs = placeOf(await user.query(WHERE))
    if (this.#place === undefined || !isSame(this.#place, theirs)) {
      // Also when it was known: the server may have started again since.
      this.#place = placeOf(await this.#own.query(WHERE))
    }
    const ours = this.#place
    if (!isSame(ours, theirs)) {
      throw storeError(
        'ERR_TX_FOREIGN',
        `the transaction is on ${shown(theirs)}, the jobs are in ${shown(ours)}; use one database for both`,
      )
    }
    this.#admitted.add(user.database)
  }
}

function placeOf(rows: readonly (readonly unknown[])[]): Place {
  const [database, started, server] = rows[0] ?? []
  return { database: String(database), started: String(started), server: String(server) }
}

function isSame(a: Place, b: Place): boolean {
  return a.database === b.database && a.started === b.started
}

function shown({ database, server }: Place): string {
  return `database ${JSON.stringify(database)} of the server at ${server}`
}
