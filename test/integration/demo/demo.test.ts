import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { createRunner } from '../../../dist/index.js'
import type { Summary } from '../../../src/demo/screen/summary.ts'
import { eventually } from '../../support/eventually.ts'
import { endedHere, makeProject, outputOf, startDemo, sumOf, type DemoProcess } from './demo-process.ts'

const LIMIT = 25
const processes: DemoProcess[] = []
let project: string

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'millrace-demo-'))
  makeProject(project)
})

afterEach(async () => {
  for (const { child, ended } of processes.splice(0)) {
    child.kill('SIGKILL')
    await ended
  }
  rmSync(project, { recursive: true, force: true })
})

function start(...args: Parameters<typeof startDemo>): DemoProcess {
  const demo = startDemo(...args)
  processes.push(demo)
  return demo
}

async function runToEnd(limit: number): Promise<Summary> {
  const { output, ended } = start(project, { limit })
  expect(await ended, output.stderr).toBe(0)
  return JSON.parse(output.stdout) as Summary
}

/** How many jobs had ended, by the database that a killed process left. */
async function endedIn(database: string): Promise<number> {
  const runner = createRunner({ jobs: {}, database })
  const { jobs } = await runner.list({ state: ['completed', 'failed', 'cancelled'], limit: 1_000 })
  await runner.close()
  return jobs.length
}

describe('millrace demo', () => {
  it('works through real files, and keeps what fails with its reason', async () => {
    const summary = await runToEnd(LIMIT)

    expect(summary).toMatchObject({ isFinished: true, isContinued: false })
    expect(summary.inputs).toEqual({ page: LIMIT, manifest: LIMIT, source: LIMIT })
    const { jobs } = summary
    expect(jobs.completed + jobs.failed).toBe(sumOf(jobs))
    expect(endedHere(summary)).toBe(sumOf(jobs))
    const endedIn = Object.fromEntries(summary.queues.map((one) => [one.queue, one.completed + one.failed]))
    expect(endedIn).toMatchObject({ pages: LIMIT, manifests: LIMIT, sources: LIMIT })
    // Everything but the manifest that is no JSON can be found.
    expect(endedIn['index']).toBe(3 * LIMIT - 1)

    const links = summary.failures.find(({ name }) => name === 'pages.checkLinks')
    expect(links?.pattern).toBe('broken links in …: no file …')
    const messages = links?.examples.map(({ message }) => message).join('\n')
    expect(messages).toContain('node_modules/')
    expect(links?.examples.map(({ attempts }) => attempts)).toContain(2)
    const manifests = summary.failures.find(({ name }) => name === 'manifests.read')
    expect(manifests).toMatchObject({ count: 1, examples: [{ attempts: 2 }] })
    expect(manifests?.pattern).toMatch(/JSON/)
  })

  it('writes pages, an index, manifests and duplicates, and nothing of the documents acts', async () => {
    await runToEnd(LIMIT)
    const output = outputOf(project)
    const pages = Object.keys(output).filter((name) => name.startsWith('pages'))
    expect(pages).toHaveLength(LIMIT)
    for (const name of [
      'index.html',
      'search.js',
      'search-data.js',
      'manifests.json',
      'duplicates.json',
      'duplicates.html',
    ]) {
      expect(Object.keys(output)).toContain(name)
    }
    const broken = output[pages.find((name) => name.includes('broken-readme')) ?? '']
    expect(broken).toContain('&lt;script&gt;alert(1)&lt;/script&gt;')
    expect(broken).not.toMatch(/<script|href="javascript|href="gone/)
    const names = (JSON.parse(output['manifests.json'] ?? '') as { name: string }[]).map(({ name }) => name)
    expect(names).toEqual(expect.arrayContaining(['yaml', 'commander', 'marked']))
    expect(output['search-data.js']).toMatch(/^globalThis\.searchData = \{"documents":\[/)
  })

  it('begins anew after a run that finished, and leaves what is not its own', async () => {
    const first = await runToEnd(LIMIT)
    const output = outputOf(project)
    writeFileSync(join(project, '.millrace/demo/notes.txt'), 'mine')
    rmSync(join(project, '.millrace/demo/index.html'))
    const second = await runToEnd(LIMIT)
    expect(second.isContinued).toBe(false)
    expect(second.jobs).toEqual(first.jobs)
    expect(endedHere(second)).toBe(endedHere(first))
    expect(outputOf(project)).toEqual(output)
    expect(existsSync(join(project, '.millrace/demo/notes.txt'))).toBe(true)
  })

  it.each([
    ['while it enqueued', 'jobs.db'],
    ['while it worked', 'search-data.js'],
  ])('finishes the rest of a run that was killed %s, and runs nothing again that had ended', async (_, file) => {
    const limit = 80
    const whole = await runToEnd(limit)
    const expected = outputOf(project)
    rmSync(join(project, '.millrace'), { recursive: true })

    const killed = start(project, { limit })
    await eventually(() => existsSync(join(project, '.millrace/demo', file)), { everyMs: 1 })
    killed.child.kill('SIGKILL')
    expect(await killed.ended).toBe('SIGKILL')
    const before = await endedIn(`sqlite:${join(project, '.millrace/demo/jobs.db')}`)
    expect(before).toBeLessThan(sumOf(whole.jobs))

    const rest = await runToEnd(limit)
    expect(rest.isContinued).toBe(true)
    expect(rest.jobs).toEqual(whole.jobs)
    expect(endedHere(rest)).toBe(sumOf(whole.jobs) - before)
    expect(outputOf(project)).toEqual(expected)
  })

  it('stays until it is interrupted, tells what one can try, and stops in good order', async () => {
    const { child, output, ended } = start(project, { once: false, json: false, limit: LIMIT })
    await eventually(() => output.stdout.includes('stays until Ctrl-C'))
    expect(output.stdout).toContain('npx millrace queues --database sqlite:.millrace/demo/jobs.db')
    expect(output.stdout).toContain('its producer asks the store for no more than it can run')
    // Cursor movements are for terminals.
    expect(output.stdout).not.toContain('\u001b')
    child.kill('SIGINT')
    expect(await ended).toBe(0)
    expect(output.stderr).toBe('')
    expect(existsSync(join(project, '.millrace/demo/demo.lock'))).toBe(false)
  })

  it('stops in the middle when it is interrupted, and goes on from there', async () => {
    const limit = 80
    const { child, output, ended } = start(project, { limit, json: false })
    await eventually(() => existsSync(join(project, '.millrace/demo/search-data.js')))
    child.kill('SIGINT')
    expect(await ended).toBe(1)
    expect(output.stdout).toContain('The rest is done when the demo is started again.')
    const rest = start(project, { limit, json: false })
    expect(await rest.ended).toBe(0)
    expect(rest.output.stdout).toMatch(/did not finish: [\d,]+ of its jobs had ended, the rest is done now/)
    expect(rest.output.stdout).toContain('Done after')
  })

  it('refuses a folder with the files of others, and one in which a demo runs', async () => {
    const output = join(project, '.millrace/demo')
    mkdirSync(output, { recursive: true })
    writeFileSync(join(output, 'thesis.txt'), 'years of work')
    const refused = start(project, { limit: LIMIT })
    expect(await refused.ended).toBe(5)
    expect(refused.output.stderr).toContain("has files that are not the demo's")
    rmSync(join(output, 'thesis.txt'))

    const first = start(project, { once: false, json: false, limit: LIMIT })
    await eventually(() => first.output.stdout.includes('stays until Ctrl-C'))
    const second = start(project, { limit: LIMIT })
    expect(await second.ended).toBe(5)
    expect(second.output.stderr).toContain(`another demo runs in ${output} (process ${first.child.pid})`)
  })
})
