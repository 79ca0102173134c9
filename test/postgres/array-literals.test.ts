import fc from 'fast-check'
import { afterAll, expect, it } from 'vitest'

import { isStorable } from '../../src/job/stored-text.ts'
import { parseTextArray, textArray } from '../../src/store/postgres/array-literal.ts'
import { Database } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { postgresDatabase } from '../support/postgres-database.ts'

const { url } = await postgresDatabase()
const database = new Database(addressOf(url, 'millrace'))
afterAll(() => database.close())

/** Text that the server can store, with much of what means something in an array. */
const text = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc
      .array(fc.constantFrom('"', '\\', ',', '{', '}', ' ', '\n', '\t', 'NULL', 'null', "'", '$1', 'ä', '👋', 'a'))
      .map((parts) => parts.join('')),
  )
  .filter(isStorable)

it('any text goes through an array of the server and back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (values) => {
      const [row] = await database.general.query('select to_json($1::text[])::text, $1::text[]', [textArray(values)])
      expect(JSON.parse(String(row?.[0]))).toEqual(values)
      expect(parseTextArray(String(row?.[1]))).toEqual(values)
    }),
    { numRuns: 300 },
  )
})
