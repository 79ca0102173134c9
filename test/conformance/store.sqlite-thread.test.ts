import { nodeHost } from '../../dist/host/host.js'
import { openSqliteStore } from '../../dist/store/sqlite/open-sqlite-store.js'
import { passRealTime } from '../support/real-time.ts'
import { sqliteFixture } from '../support/store-fixture.ts'
import { storeConformance } from './store-conformance.ts'

storeConformance({
  name: 'SQLite, in a thread',
  open: async () => {
    const host = nodeHost()
    return sqliteFixture({
      open: (location, migrate) => openSqliteStore({ host, location, migrate, transport: 'thread' }),
      pass: passRealTime,
    })
  },
})
