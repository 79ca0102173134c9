/** The whole contract once more on the program's own better-sqlite3: it is imported first, so that the store takes it. */

import 'better-sqlite3'

import { nodeHost } from '../../dist/host/host.js'
import { loadEngine } from '../../dist/store/sqlite/load-engine.js'
import { openSqliteStore } from '../../dist/store/sqlite/open-sqlite-store.js'
import { eventually } from '../support/eventually.ts'
import { sqliteFixture } from '../support/store-fixture.ts'
import { storeConformance } from './store-conformance.ts'

if (loadEngine().name !== 'better-sqlite3') throw new Error(`the store took ${loadEngine().name}`)

storeConformance({
  name: 'SQLite, in a thread, on better-sqlite3',
  open: async () => {
    const host = nodeHost()
    return sqliteFixture({
      open: (location, migrate) => openSqliteStore({ host, location, migrate, transport: 'thread' }),
      pass: async (ms) => {
        // The store's clock is that of this machine: the condition is the time itself.
        const until = host.clock.now() + ms
        await eventually(() => host.clock.now() >= until, { everyMs: Math.max(1, ms) })
      },
    })
  },
})
