/** `millrace demo --kill`: real workers, real kills. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import type { KillAccount } from '../../../src/demo/kill/kill-demo.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { administer } from '../../support/postgres-server.ts'

const PROGRAM = fileURLToPath(new URL('run-kill-demo.mjs', import.meta.url))

async function run(
  options: object,
): Promise<{ readonly code: unknown; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(process.execPath, [PROGRAM, JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const output = { stdout: '', stderr: '' }
  child.stdout.on('data', (text: Buffer) => (output.stdout += text.toString()))
  child.stderr.on('data', (text: Buffer) => (output.stderr += text.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output }
}

describe('millrace demo --kill', () => {
  it('kills workers and loses nothing, and says so', async () => {
    const { code, stdout, stderr } = await run({ seconds: 6, json: false })
    expect(stderr).toBe('')
    expect(stdout).toMatch(/kill -9 of worker \d \(process \d+\), which was running \d+ jobs/)
    expect(stdout).toMatch(/[1-9]\d* workers were killed\. Of 90 jobs 90 completed: 0 lost, 0 ended twice/)
    expect(code).toBe(0)
  }, 60_000)

  it('does the same on PostgreSQL, and leaves nothing there', async () => {
    const { url } = await postgresDatabase()
    const { code, stdout, stderr } = await run({ seconds: 4, json: true, database: url })
    expect(stderr).toBe('')
    // One line of JSON is all that it writes.
    const account = JSON.parse(stdout) as KillAccount
    expect(account).toMatchObject({ workers: 3, jobs: 60, completed: 60, lost: 0, endedTwice: 0 })
    expect(account.kills).toBeGreaterThan(0)
    expect(code).toBe(0)
    expect(await administer(url, `select nspname from pg_namespace where nspname like 'millrace\\_demo%'`)).toEqual([])
  }, 60_000)
})
