/** A better-sqlite3 whose SQLite is too old: the store keeps its own engine. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

import { expect, it } from 'vitest'

import { aRunner } from '../../support/runner.ts'
import { tempFolder } from '../../support/temp-database.ts'

/** As much of an old release as anybody looks at. */
const OLD = `
  module.exports = class Database {
    inTransaction = false
    prepare() { return { get: () => ({ version: '3.46.1' }), safeIntegers() {} } }
    exec() {}
    close() {}
  }`

it('is not used, and its connections are refused by version', async () => {
  const folder = join(tempFolder(), 'node_modules', 'better-sqlite3', 'lib')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'index.js'), OLD)
  const Database = createRequire(import.meta.url)(join(folder, 'index.js')) as new () => object
  const work = { charge: async (number: number): Promise<number> => number }
  const { runner } = aRunner({ work })
  expect((await runner.enqueue(work.charge, [1])).status).toBe('created')
  expect(() => runner.enqueueSync(work.charge, [2], { tx: new Database() })).toThrow(
    expect.objectContaining({
      code: 'ERR_STORE_ENGINE',
      message: expect.stringMatching(/better-sqlite3 has SQLite 3\.46\.1, .*3\.51\.3 or later/),
    }),
  )
})
