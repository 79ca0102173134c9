/** Fixtures for the conformance suite on SQLite: a file in a folder of its own, and the ways to it that the suite needs. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Store } from '../../src/store/store.ts'
import type { StoreFixture } from '../conformance/store-conformance.ts'
import { openHandle, type Handle } from './store-handle.ts'

/** What a fixture is made of. */
export interface SqliteFixtureOptions {
  /** Makes a store on a URL. */
  readonly open: (url: string, migrate: boolean) => Store
  readonly pass: (ms: number) => Promise<void>
}

/** A fixture on a new file. */
export function sqliteFixture({ open, pass }: SqliteFixtureOptions): StoreFixture & { readonly path: string } {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-store-'))
  const path = join(folder, 'jobs.db')
  const stores: Store[] = []
  const handles: Handle[] = []
  const make = (migrate: boolean): Store => {
    const store = open(`sqlite:${path}`, migrate)
    stores.push(store)
    return store
  }
  const connect = (file: string): Handle => {
    const handle = openHandle(file)
    handles.push(handle)
    return handle
  }
  return {
    path,
    store: make(true),
    another: ({ migrate = true } = {}) => make(migrate),
    pass,
    breakRow: async (id) => {
      connect(path).prepare(`update millrace_job set tags = '["open' where id = ?`).run(id)
    },
    makeSchemaNewer: async () => {
      connect(path).exec('update millrace_schema set version = version + 1')
    },
    runScript: async (sql) => {
      connect(path).exec(sql)
    },
    transaction: async () => {
      const handle = connect(path)
      handle.exec('begin immediate')
      return {
        tx: handle,
        commit: async () => handle.exec('commit'),
        rollback: async () => handle.exec('rollback'),
      }
    },
    foreignTransaction: async () => {
      const handle = connect(join(folder, 'other.db'))
      handle.exec('begin')
      return handle
    },
    close: async () => {
      for (const store of stores) await store.close()
      for (const handle of handles) handle.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
