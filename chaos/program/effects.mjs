/** The user's own transactions: what a handler does in the database besides ending its job. */

import { createRequire } from 'node:module'
import { join } from 'node:path'

/**
 * @typedef {object} Tx
 * @property {unknown} handle what `complete` and `enqueue` take
 * @property {(job: string, pid: number) => Promise<void>} insert
 *
 * @typedef {object} Effects
 * @property {boolean} mayWait whether others may work while a transaction is open
 * @property {(body: (tx: Tx) => Promise<void>) => Promise<void>} transaction
 */

/**
 * @param {string} url
 * @param {string} build the folder of the build under test: libraries are those that it sees
 * @returns {Effects}
 */
export function openEffects(url, build) {
  const require = createRequire(join(build, 'index.js'))
  return url.startsWith('sqlite:') ? sqliteEffects(url.slice('sqlite:'.length), require) : postgresEffects(url, require)
}

/** @type {(path: string, require: NodeJS.Require) => Effects} */
function sqliteEffects(path, require) {
  // The engine that millrace chooses: two copies of SQLite must not be in one process.
  const [major, minor, patch] = (process.versions.sqlite ?? '0.0.0').split('.').map(Number)
  const isNew = major * 1e6 + minor * 1e3 + patch >= 3_051_003
  const { DatabaseSync } = require(isNew ? 'node:sqlite' : '@photostructure/sqlite')
  let db
  const open = () => {
    if (db !== undefined) return db
    db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 10000; pragma synchronous = full')
    return db
  }
  return {
    // Whoever waits inside a transaction keeps all writers of the file waiting.
    mayWait: false,
    async transaction(body) {
      const handle = open()
      handle.exec('begin immediate')
      try {
        const insert = async (job, pid) =>
          void handle.prepare('insert into chaos_effect (job, pid) values (?, ?)').run(job, pid)
        await body({ handle, insert })
        handle.exec('commit')
      } catch (error) {
        try {
          handle.exec('rollback')
        } catch {
          // It was rolled back already.
        }
        throw error
      }
    },
  }
}

/** @type {(url: string, require: NodeJS.Require) => Effects} */
function postgresEffects(url, require) {
  const pg = require('pg')
  const pool = new pg.Pool({ connectionString: url, max: 4, connectionTimeoutMillis: 5_000, query_timeout: 8_000 })
  pool.on('error', ignore)
  // As long as it lives: a connection that broke may say so after it was given up.
  pool.on('connect', (/** @type {import('pg').PoolClient} */ client) => client.on('error', ignore))
  return {
    mayWait: true,
    async transaction(body) {
      const client = await pool.connect()
      let problem
      try {
        await client.query('begin')
        const insert = async (job, pid) =>
          void (await client.query('insert into chaos.effect (job, pid) values ($1, $2)', [job, pid]))
        await body({ handle: client, insert })
        await client.query('commit')
      } catch (error) {
        problem = error
        await client.query('rollback').catch(ignore)
        throw error
      } finally {
        // A connection on which something went wrong is not used again.
        client.release(problem !== undefined)
      }
    },
  }
}

function ignore() {}
