import { openSqliteStore } from '../../src/store/sqlite/open-sqlite-store.ts'
import { storeTestHost } from '../support/store-clock.ts'
import { sqliteFixture } from '../support/store-fixture.ts'
import { storeConformance } from './store-conformance.ts'

storeConformance({
  name: 'SQLite, inline',
  open: async () => {
    const host = storeTestHost()
    return sqliteFixture({
      open: (location, migrate) => openSqliteStore({ host, location, migrate, transport: 'inline' }),
      pass: async (ms) => host.advance(ms),
    })
  },
})
