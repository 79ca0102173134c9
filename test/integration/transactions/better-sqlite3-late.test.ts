/** A better-sqlite3 that the program loads after the runner has opened its database: another copy of SQLite by then. */

import { expect, it } from 'vitest'

import { aRunner } from '../../support/runner.ts'
import { tempDatabase } from '../../support/temp-database.ts'

it('is refused, with what to do', async () => {
  const work = { charge: async (number: number): Promise<number> => number }
  const { url } = tempDatabase()
  const { runner } = aRunner({ work }, { database: url })
  await runner.enqueue(work.charge, [1])
  const { default: Database } = await import('better-sqlite3')
  // In memory: not even this test opens the file with two copies.
  const db = new Database(':memory:')
  expect(() => runner.enqueueSync(work.charge, [2], { tx: db })).toThrow(
    expect.objectContaining({
      code: 'ERR_TX_FOREIGN',
      message: expect.stringMatching(/import better-sqlite3 before the runner first touches its database/),
    }),
  )
  db.close()
})
