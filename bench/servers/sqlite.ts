/** A folder with one SQLite file per run. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Place, Server } from './server.ts'

/** The part of node:sqlite that is used here. */
interface Database {
  prepare(query: string): { get(): Record<string, unknown> | undefined }
  close(): void
}

export class SqliteFolder implements Server {
  readonly description = 'SQLite: a fresh file for each run'
  readonly #folder = mkdtempSync(join(tmpdir(), 'millrace-bench-sqlite-'))
  #places = 0

  async freshPlace(): Promise<Place> {
    // The types are those of Node 20, which does not have it; the bench runs on a newer one.
    const name = 'node:sqlite'
    const { DatabaseSync } = (await import(name)) as { DatabaseSync: new (path: string, options: object) => Database }
    this.#places += 1
    const path = join(this.#folder, `run-${this.#places}.db`)
    const files = ['', '-wal', '-shm'].map((suffix) => `${path}${suffix}`)
    return {
      url: `sqlite:${path}`,
      count: (query) => {
        const database = new DatabaseSync(path, { readOnly: true })
        try {
          return Promise.resolve(Number(Object.values(database.prepare(query).get() ?? {})[0]))
        } finally {
          database.close()
        }
      },
      settle: () => Promise.resolve(),
      cpuMs: () => 0,
      drop: () => {
        for (const file of files) rmSync(file, { force: true })
        return Promise.resolve()
      },
    }
  }

  stop(): Promise<void> {
    rmSync(this.#folder, { recursive: true, force: true })
    return Promise.resolve()
  }
}
