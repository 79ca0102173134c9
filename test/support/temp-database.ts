/** Database files that go with their test. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

/** A folder that is removed when the test has ended. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return folder
}

/** The path of a database file that does not exist yet. */
export function tempDatabase(): { readonly path: string; readonly url: string } {
  const path = join(tempFolder(), 'jobs.db')
  return { path, url: `sqlite:${path}` }
}
