/** A look into a database file that is there: nothing is created or changed, not even the file's journal mode. */

import type { Db } from './connection.ts'
import { BUSY_TIMEOUT_MS } from './connection.ts'
import { loadEngine } from './load-engine.ts'
import { translateError } from './errors.ts'

/** Opens the file, calls `look`, and closes the file. The file must exist. */
export function peek<T>(path: string, look: (database: Pick<Db, 'prepare'>) => T): T {
  try {
    // Not read-only: such a connection leaves the files of the log behind when it is the last to go.
    const database = loadEngine().open(path, { isReadOnly: false })
    try {
      database.exec(`pragma busy_timeout = ${BUSY_TIMEOUT_MS}`)
      return look(database)
    } finally {
      database.close()
    }
  } catch (error) {
    throw translateError(error, path)
  }
}
