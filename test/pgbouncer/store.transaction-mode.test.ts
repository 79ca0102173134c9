import { nodeHost } from '../../dist/host/host.js'
import { openPostgresStore } from '../../dist/store/postgres/open-postgres-store.js'
import { storeConformance } from '../conformance/store-conformance.ts'
import { pgbouncer } from '../support/pgbouncer.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { postgresFixture } from '../support/postgres-fixture.ts'

const direct = await postgresDatabase()
const database = await pgbouncer(direct.url, { mode: 'transaction' })

storeConformance({
  name: 'PostgreSQL 18 behind pgbouncer in transaction mode',
  open: async () => {
    const host = nodeHost()
    return postgresFixture({
      database,
      open: (schema, migrate) => openPostgresStore({ host, database, schema, migrate }),
    })
  },
  skip: [
    {
      test: 'diagnoses a schema that is fit for use',
      reason: 'the doctor names the pooler; see runner.test.ts',
    },
    {
      test: 'tells of changes by another store until the subscription ends',
      reason: 'the pooler loses notifications; workers ask by themselves',
    },
    {
      test: 'tells of a wake by another store, also of a job that no hint told of',
      reason: 'the pooler loses notifications; workers ask by themselves',
    },
  ],
})
