import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'

import { eventually } from '../support/eventually.ts'
import { startPostgres } from '../support/postgres-server.ts'
import { passRealTime } from '../support/real-time.ts'
import { tempFolder } from '../support/temp-database.ts'
import { aWorkerProcess } from '../support/worker-process.ts'

/** Upkeep comes once in this time: in a part of it there would be more of it than on average, or none. */
const SECONDS = 60
/** Three on average, upkeep included, and what one phase of it or the other has more. */
const MOST_A_SECOND = 3.3

it('an idle process with 35 queues executes about three statements a second', async () => {
  // A server of its own, whose log has every statement: the counters of the server are brought up to date seconds late.
  const server = await startPostgres({ settings: { log_statement: 'all' } })
  onTestFinished(() => server.close())
  const url = await server.createDatabase('idle')
  const executed = (): string[] =>
    readFileSync(join(dirname(server.socketFolder), 'server.log'), 'utf8')
      .split('\n')
      .filter((line) => /LOG: {2}(execute|statement)/.test(line))

  const queues = Object.fromEntries(Array.from({ length: 35 }, (_, index) => [`queue_${index}`, { concurrency: 2 }]))
  await aWorkerProcess({ url, record: join(tempFolder(), 'record'), queues, start: {} })
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await eventually(async () => (await client.query('select 1 from millrace.wake where is_idle')).rows.length > 0)
  await client.end()
  // Then it looks a few times more.
  await passRealTime(1_000)
  const before = executed().length
  await passRealTime(SECONDS * 1_000)
  const statements = executed().slice(before)
  expect(statements.length).toBeGreaterThan(SECONDS / 2)
  expect(statements.length, statements.join('\n')).toBeLessThan(MOST_A_SECOND * SECONDS)
}, 120_000)
