import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { postgresDatabase } from '../support/postgres-database.ts'
import { postgresFixture } from '../support/postgres-fixture.ts'
import { storeConformance } from './store-conformance.ts'

const { url: database } = await postgresDatabase(18)

storeConformance({
  name: 'PostgreSQL 18',
  open: async () => {
    const host = nodeHost()
    return postgresFixture({
      database,
      open: (schema, migrate) => openPostgresStore({ host, database, schema, migrate }),
    })
  },
})
