/** The demo on a PostgreSQL server. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createRunner } from '../../../dist/index.js'
import type { Summary } from '../../../src/demo/screen/summary.ts'
import { eventually } from '../../support/eventually.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { administer } from '../../support/postgres-server.ts'
import { cliIn } from '../cli/cli-project.ts'
import { endedHere, makeProject, outputOf, startDemo, sumOf, type DemoProcess } from './demo-process.ts'

const LIMIT = 40
/** Longer than any run on a busy machine. */
const WITHIN = { withinMs: 60_000, everyMs: 5 }
const processes: DemoProcess[] = []
let project: string
let url: string

beforeEach(async () => {
  project = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
  makeProject(project)
  ;({ url } = await postgresDatabase())
})

afterEach(async () => {
  for (const { child, ended } of processes.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  rmSync(project, { recursive: true, force: true })
})

function start(options: Parameters<typeof startDemo>[1]): DemoProcess {
  const demo = startDemo(project, { limit: LIMIT, ...options })
  processes.push(demo)
  return demo
}

async function runToEnd(database: string | undefined): Promise<Summary> {
  const { output, ended } = start({ database })
  expect(await ended, output.stderr).toBe(0)
  return JSON.parse(output.stdout) as Summary
}

/** The schemas of demos in the database. */
async function schemas(): Promise<string[]> {
  const rows = await administer(url, `select nspname from pg_namespace where nspname like 'millrace\\_demo%'`)
  return rows.map(({ nspname }) => String(nspname))
}

async function endedIn(schema: string | undefined): Promise<number> {
  await using runner = createRunner({ jobs: {}, database: url, schema })
  const { jobs } = await runner.list({ state: ['completed', 'failed', 'cancelled'], limit: 1_000 })
  return jobs.length
}

describe('millrace demo on PostgreSQL', { timeout: 120_000 }, () => {
  it('does the same as on SQLite, in a schema of its own, also the second time', async () => {
    const onFile = await runToEnd(undefined)
    const expected = outputOf(project)
    await using mine = createRunner({ jobs: { my: { own: () => 1 } }, database: url })
    const { id } = await mine.enqueue('my.own', [])

    const first = await runToEnd(url)
    const [schema] = await schemas()
    expect(first).toMatchObject({ isFinished: true, isContinued: false, database: url, schema, jobs: onFile.jobs })
    expect(first.failures).toEqual(onFile.failures)
    expect(Object.keys(first)).toEqual(Object.keys(onFile))
    expect(outputOf(project)).toEqual(expected)
    expect(existsSync(join(project, '.millrace/demo/jobs.db'))).toBe(false)

    const second = await runToEnd(url)
    expect(second).toMatchObject({ isContinued: false, schema, jobs: onFile.jobs })
    expect(endedHere(second)).toBe(sumOf(onFile.jobs))
    expect(await schemas()).toEqual([schema])
    const { jobs } = await mine.list()
    expect(jobs).toMatchObject([{ id, state: 'queued' }])
  })

  it.each([
    ['while it enqueued', async () => (await schemas()).length > 0],
    ['while it worked', () => existsSync(join(project, '.millrace/demo/search-data.js'))],
  ])('finishes the rest of a run that was killed %s, and runs nothing again that had ended', async (_, isBusy) => {
    const whole = await runToEnd(undefined)
    const expected = outputOf(project)
    rmSync(join(project, '.millrace'), { recursive: true })

    const killed = start({ database: url })
    await eventually(isBusy, WITHIN)
    killed.child.kill('SIGKILL')
    expect(await killed.ended).toBe('SIGKILL')
    // What the server had been sent may still be committed.
    await eventually(async () => {
      const others = `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`
      return (await administer(url, others)).length === 0
    }, WITHIN)
    const before = await endedIn((await schemas())[0])
    expect(before).toBeLessThan(sumOf(whole.jobs))

    const rest = await runToEnd(url)
    expect(rest.jobs).toEqual(whole.jobs)
    expect(endedHere(rest)).toBe(sumOf(whole.jobs) - before)
    expect(outputOf(project)).toEqual(expected)
  })

  it('is told where by --database, MILLRACE_DATABASE or DATABASE_URL, and says where it is without the password', async () => {
    const cli = cliIn(project)
    const withPassword = url.replace('//postgres@', '//postgres:s%2Fecret@')
    const file = { MILLRACE_DATABASE: 'sqlite:./mine.db' }
    const demo = cli.start(['demo'], { env: { ...file, DATABASE_URL: withPassword } })
    await demo.saw('its producer asks', WITHIN.withinMs)
    const [schema = ''] = await schemas()
    const queues = await cli.json(['queues', '--database', withPassword, '--schema', schema])
    expect(queues.document.queues).toContainEqual(expect.objectContaining({ name: 'index' }))
    demo.child.kill('SIGINT')
    const { code, stdout, stderr } = await demo.ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const shown = withPassword.replace('s%2Fecret', '***')
    expect(stdout).toContain(`store      ${shown}, in its own schema ${schema}`)
    expect(stdout).toContain(`npx millrace queues --database "${shown}" --schema ${schema}`)
    expect(stdout).not.toContain('ecret')

    const whole = start({ database: url, json: false })
    expect(await whole.ended).toBe(0)
    expect(whole.output.stdout).toContain(`drop schema ${schema} cascade`)

    const refused = await cli.run(['demo', '--once', '--database', 'sqlite:./mine.db'])
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining('--dir') })
    const away = await cli.run(['demo', '--once', '--database', 'postgres://127.0.0.1:1/none'])
    expect(away).toMatchObject({ code: 1, stderr: expect.stringContaining('the demo failed: ') })
    expect(existsSync(join(project, '.millrace/demo/demo.lock'))).toBe(false)
    expect(existsSync(join(project, 'mine.db'))).toBe(false)
  })
})
