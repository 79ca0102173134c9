/** `node:sqlite`, and the package `@photostructure/sqlite`, which has the same interface, as an engine. */

import { engineVersion, type SqliteDatabase, type SqliteEngine, type SqliteStatement } from './engine.ts'

interface NodeSqlite {
  readonly DatabaseSync: new (path: string, options: { readonly readOnly: boolean }) => NodeDatabase
}

interface NodeDatabase extends SqliteDatabase {
  prepare(sql: string): NodeStatement
  /** Absent in the first versions. */
  readonly isTransaction?: boolean
}

interface NodeStatement extends SqliteStatement {
  setReadBigInts?(isOn: boolean): unknown
  setReturnArrays?(isOn: boolean): unknown
}

/**
 * Makes the engine.
 *
 * @param name The module's name.
 * @param module What it exports.
 */
export function nodeSqliteEngine(name: string, module: unknown): SqliteEngine {
  // Only modules with this interface are named in `engine.ts`.
  const { DatabaseSync } = module as NodeSqlite
  const probe = new DatabaseSync(':memory:', { readOnly: false })
  const version = engineVersion(probe)
  probe.close()
  return {
    name,
    version,
    open: (path, { isReadOnly }) => new DatabaseSync(path, { readOnly: isReadOnly }),
    adopt: (connection) => {
      if (!(connection instanceof DatabaseSync)) return null
      return {
        prepare: (sql) => {
          const statement = connection.prepare(sql)
          statement.setReadBigInts?.(false)
          statement.setReturnArrays?.(false)
          return statement
        },
        exec: (sql) => connection.exec(sql),
        isInTransaction: () => connection.isTransaction ?? null,
      }
    },
  }
}
