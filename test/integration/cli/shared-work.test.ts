/** Two workers with one configuration, and a third terminal, on PostgreSQL. */

import { readdirSync } from 'node:fs'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createClient, type JobSummary } from '../../../dist/index.js'
import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import type { RunningProgram } from '../../support/running-program.ts'
import { cliProject, type CliProject } from './cli-project.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'
/** Longer than anything takes on a busy machine. */
const WITHIN = { withinMs: 60_000 }

/** Jobs that say which process ran them. */
const JOBS = `
import { existsSync, writeFileSync } from 'node:fs'
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export async function shortly() { await pause(10); return process.pid }
/** Leaves a file when it begins, and ends when the file named open is in the folder. */
export async function untilOpen(number: number) {
  writeFileSync(\`began-\${process.pid}-\${number}\`, '')
  while (!existsSync('open')) await pause(20)
  return process.pid
}
export async function fail() { throw new TypeError('boom') }
`

/** A client that takes every name of a job. */
const clientOn = (database: string) => createClient({ database })

interface Shared {
  readonly project: CliProject
  readonly client: ReturnType<typeof clientOn>
  readonly workers: readonly [RunningProgram, RunningProgram]
}

/** Two workers that run two jobs at a time each, and a program that enqueues. */
async function twoWorkers(): Promise<Shared> {
  const { url } = await postgresDatabase()
  const project = cliProject({ DATABASE_URL: url })
  project.write('work.ts', JOBS)
  const client = clientOn(url)
  onTestFinished(() => client.close())
  expect((await project.run(['migrate'])).code).toBe(0)
  return { project, client, workers: [await project.worker(), await project.worker()] }
}

async function enqueueMany(client: Shared['client'], name: `work.${string}`, count: number): Promise<number[]> {
  const handles = await client.enqueueAll(Array.from({ length: count }, (_, index) => [name, [index]] as const))
  return Promise.all(handles.map(async (handle) => Number(await handle.result({ timeout: '1m' }))))
}

describe('two processes of millrace start on PostgreSQL', { timeout: 180_000 }, () => {
  it('share the work, each job once', async () => {
    const { client, workers } = await twoWorkers()
    const pids = await enqueueMany(client, 'work.shortly', 100)
    expect(new Set(pids)).toEqual(new Set(workers.map(({ child }) => child.pid)))
    const { jobs } = await client.list({ limit: 1_000 })
    expect(jobs.filter(({ state, attempt }) => state !== 'completed' || attempt !== 1)).toEqual([])
    expect(jobs).toHaveLength(100)
  })

  it('lose nothing when one of them is killed in the middle', async () => {
    const { project, client, workers } = await twoWorkers()
    const [killed, other] = workers
    const results = enqueueMany(client, 'work.untilOpen', 20)
    const began = ({ child }: RunningProgram): string[] =>
      readdirSync(project.folder).filter((name) => name.startsWith(`began-${child.pid}-`))
    await eventually(() => began(killed).length === 2 && began(other).length === 2, WITHIN)
    killed.child.kill('SIGKILL')
    expect(await killed.ended).toMatchObject({ signal: 'SIGKILL' })
    await other.saw(/freed \d+ jobs?/, WITHIN.withinMs)
    project.write('open', '')
    expect(new Set(await results)).toEqual(new Set([other.child.pid]))
    const { jobs } = await client.list({ limit: 1_000 })
    expect(jobs).toHaveLength(20)
    expect(jobs.filter(({ state }) => state !== 'completed')).toEqual([])
    expect(began(other)).toHaveLength(20)

    other.child.kill('SIGTERM')
    expect((await other.ended).code).toBe(0)
  })

  it('are watched and operated from a third terminal', async () => {
    const { project } = await twoWorkers()
    const jobs = async (...args: string[]): Promise<readonly JobSummary[]> =>
      (await project.json(['ls', ...args])).document.jobs

    const done = await project.json(['enqueue', 'work.shortly', '--wait'])
    expect(done).toMatchObject({ code: 0, document: { state: 'completed', result: expect.any(Number) } })
    const failed = await project.json(['enqueue', 'work.fail', '--max-attempts', '1', '--wait'])
    expect(failed).toMatchObject({ code: 1, document: { state: 'failed', error: { message: 'boom' } } })
    const { id } = failed.document
    expect((await project.json(['dead'])).document.jobs).toMatchObject([{ id, attempts: [{ attempt: 1 }] }])
    expect((await project.run(['dead'])).stdout).toContain('boom')

    expect((await project.run(['pause', 'default'])).code).toBe(0)
    expect(await project.json(['retry', id])).toMatchObject({ code: 0, document: { retried: 1, skipped: [] } })
    expect((await project.json(['explain', id])).document).toMatchObject({ state: 'queued', waiting: 'paused' })
    expect((await project.json(['queues'])).document.queues).toContainEqual(
      expect.objectContaining({ name: 'default', depth: 1, paused: true }),
    )
    expect(await project.json(['cancel', id])).toMatchObject({ code: 0, document: { cancelled: 1 } })
    expect(await project.run(['cancel', id])).toMatchObject({ code: 5, stderr: expect.stringContaining('cancelled') })
    expect((await project.run(['retry', id])).code).toBe(0)
    expect((await project.run(['resume', 'default'])).code).toBe(0)
    await eventually(async () => (await jobs('--state', 'failed')).length === 1, WITHIN)

    const shown = await project.json(['show', id])
    expect(shown.document.job).toMatchObject({
      state: 'failed',
      attempt: 1,
      attempts: [{ attempt: 1 }, { attempt: 1 }],
    })
    expect(await project.run(['show', NOBODY])).toMatchObject({ code: 4, stdout: '' })
    expect((await project.run(['retry', NOBODY])).code).toBe(4)
    expect(await project.run(['ls', '--state', 'completed'])).toMatchObject({ code: 0, stderr: '' })
    expect((await project.run(['doctor'])).code).toBe(0)
  })
})
