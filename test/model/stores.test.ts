/** Every store does what the protocol says, in whatever order it is asked. */

import fc from 'fast-check'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { openSqliteStore } from '../../dist/store/sqlite/open-sqlite-store.js'
import type { Store } from '../../src/store/store.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { histories, judge } from './store-commands.ts'

const folder = mkdtempSync(join(tmpdir(), 'millrace-model-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const host = nodeHost()
const postgres = async (version: 15 | 18): Promise<Store> => {
  const { url } = await postgresDatabase(version)
  return openPostgresStore({ host, database: url, schema: 'model', migrate: true })
}

const STORES: readonly { readonly name: string; readonly histories: number; readonly open: () => Promise<Store> }[] = [
  {
    name: 'SQLite, inline',
    histories: 300,
    open: async () => openSqliteStore({ host, location: 'sqlite::memory:', transport: 'inline' }),
  },
  {
    name: 'SQLite, in a thread',
    histories: 60,
    open: async () => openSqliteStore({ host, location: `sqlite:${folder}/jobs.db`, transport: 'thread' }),
  },
  { name: 'PostgreSQL 18', histories: 40, open: () => postgres(18) },
  { name: 'PostgreSQL 15', histories: 40, open: () => postgres(15) },
]

describe.each(STORES)('$name', ({ histories: runs, open }) => {
  it('agrees with the protocol about every answer and every job', { timeout: 120_000 }, async () => {
    const store = await open()
    try {
      // fast-check prints the seed and the shortest history it can find.
      await fc.assert(
        fc.asyncProperty(histories(40), (commands) => judge(store, commands)),
        { numRuns: runs, interruptAfterTimeLimit: 60_000, markInterruptAsFailure: true },
      )
    } finally {
      await store.close()
    }
  })
})

describe('a store that lies', () => {
  it('is found out', async () => {
    const store = openSqliteStore({ host, location: 'sqlite::memory:', transport: 'inline' })
    const lying: Store = {
      ...store,
      // As if the fence were only in the answer.
      giveBackJobs: async (held) => {
        await store.giveBackJobs(held)
        return { stale: [] }
      },
    }
    try {
      await expect(
        fc.assert(
          fc.asyncProperty(histories(40), (commands) => judge(lying, commands)),
          { numRuns: 200, endOnFailure: true },
        ),
      ).rejects.toThrow('Property failed')
    } finally {
      await store.close()
    }
  })
})
