/** One PostgreSQL 15 for the tests of a suite. */

import type { TestProject } from 'vitest/node'

import { startPostgres } from './postgres-server.ts'

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startPostgres({ version: 15 })
  project.provide('postgres15', server.url())
  return () => server.close()
}
