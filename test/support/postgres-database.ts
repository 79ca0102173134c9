/** Databases on the PostgreSQL servers of a suite that go with their test or file. */

import { randomBytes } from 'node:crypto'

import { inject } from 'vitest'

import { atTheEnd } from './at-the-end.ts'
import { administer, type PostgresVersion } from './postgres-server.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The URL of the PostgreSQL 15 of the suite, where it has one. */
    postgres15: string | undefined
    /** The URL of the PostgreSQL 18 of the suite, where it has one. */
    postgres18: string | undefined
  }
}

/** A database of a test. */
export interface PostgresDatabase {
  readonly name: string
  readonly url: string
}

/**
 * Makes an empty database, on PostgreSQL 18 unless another version is asked for. It is dropped when the test has ended, or,
 * called at the top of a file or of a `describe`, when their tests have; connections that are still open then are cut.
 * Throws in a `beforeAll`, where nothing can be told to come later, and where the suite has no such server.
 */
export async function postgresDatabase(version: PostgresVersion = 18): Promise<PostgresDatabase> {
  const server = inject(`postgres${version}`)
  if (server === undefined)
    throw new Error(`this suite has no PostgreSQL ${version}; add its setup in scripts/test/vitest-suites.mjs`)
  const name = `test_${randomBytes(8).toString('hex')}`
  atTheEnd(async () => void (await administer(server, `drop database if exists ${name} with (force)`)))
  await administer(server, `create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return { name, url: url.href }
}
