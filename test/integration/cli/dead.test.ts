import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { cliProject, DATABASES, type CliProject } from './cli-project.ts'

/** A project in which jobs have failed with these messages, each for good; nobody works there any more. */
async function aProject(env: Readonly<Record<string, string>>, ...messages: readonly string[]): Promise<CliProject> {
  const project = cliProject(env)
  const worker = await project.worker()
  for (const message of messages) {
    const args = JSON.stringify([message])
    await project.run(['enqueue', 'work.fail', '--args', args, '--max-attempts', '1', '--wait'])
  }
  await eventually(async () => (await project.json(['dead'])).document.jobs.length === messages.length)
  worker.child.kill('SIGTERM')
  await worker.ended
  return project
}

describe.each(DATABASES)('millrace dead on %s', (_name, variables) => {
  // Two dozen processes, one after the other.
  it('lists, groups, retries with a rate, drops and exports', { timeout: 120_000 }, async () => {
    const project = await aProject(await variables(), 'order 17 is gone', 'order 4 is gone', 'quite another')
    const listed = await project.json(['dead'])
    expect(listed).toMatchObject({ code: 0, document: { version: 1, jobs: [{}, {}, {}] } })
    expect(listed.document.jobs[0]).toMatchObject({ name: 'work.fail', forensics: { node: {}, queues: [{}, {}] } })
    expect((await project.json(['dead', 'list', '--limit', '1'])).document).toMatchObject({ jobs: [{}], next: {} })

    const { document, code } = await project.json(['dead', 'groups'])
    expect(code).toBe(0)
    expect(document).toMatchObject({
      version: 1,
      groups: [
        { name: 'work.fail', errorName: 'TypeError', message: 'quite another', count: 1 },
        { name: 'work.fail', count: 2, firstAt: expect.any(String), lastId: expect.any(String) },
      ],
    })
    const { fingerprint } = document.groups[1]
    const shown = await project.run(['dead', 'groups', '--name', 'work.fail', '--since', '1h'])
    expect(shown.stdout).toMatch(new RegExp(`${fingerprint} +work.fail +2 .*TypeError: order \\d+ is gone`))
    expect((await project.json(['errors'])).document.groups).toHaveLength(2)
    expect((await project.run(['errors', '--since', '1h'])).stdout).toContain('quite another')
    expect((await project.json(['errors', '--name', 'no.such'])).document).toEqual({ version: 1, groups: [] })

    const group = ['--fingerprint', fingerprint]
    expect((await project.json(['dead', ...group])).document.jobs).toHaveLength(2)
    expect(await project.json(['dead', 'retry', ...group, '--dry-run'])).toMatchObject({
      code: 0,
      document: { version: 1, matching: 2, complete: true },
    })
    const refused = await project.run(['dead', 'retry', ...group])
    expect(refused.code).toBe(5)
    expect(refused.stderr).toMatch(/retry 2 failed jobs with fingerprint [\da-f]{16}[^]*--yes/)
    const order = ['--as', 'ana', '--reason', 'the bank is back']
    const retried = await project.json(['dead', 'retry', ...group, '--rate', '1/m', '--yes', ...order])
    expect(retried).toMatchObject({ code: 0, document: { retried: 2, skipped: [], lastInMs: expect.any(Number) } })
    expect(retried.document.lastInMs).toBeGreaterThan(50_000)
    expect((await project.json(['ls', '--state', 'scheduled'])).document.jobs).toHaveLength(1)

    const exported = await project.run(['dead', 'export'])
    expect(exported.code).toBe(0)
    expect(JSON.parse(exported.stdout)).toMatchObject({ args: ['quite another'], state: 'failed' })
    const file = join(project.folder, 'dead.jsonl')
    expect((await project.json(['dead', 'export', '--out', file])).document).toEqual({ version: 1, exported: 1, file })
    expect(readFileSync(file, 'utf8')).toBe(exported.stdout)
    const again = await project.run(['dead', 'export', '--out', file])
    expect(again).toMatchObject({ code: 5, stderr: expect.stringContaining('is there already') })

    const { id } = JSON.parse(exported.stdout) as { readonly id: string }
    expect((await project.run(['dead', 'drop', id])).stdout).toBe(`dropped ${id}\n`)
    expect((await project.run(['dead', 'drop', id])).code).toBe(4)
    expect((await project.json(['audit'])).document.entries).toMatchObject([
      { action: 'delete', jobs: 1, target: { ids: [id] } },
      { action: 'retry', jobs: 2, by: 'ana', reason: 'the bank is back' },
    ])
    expect((await project.run(['dead'])).stderr).toContain('no dead letters')
    expect((await project.run(['dead', 'drop', '--all', '--yes'])).stdout).toBe('dropped 0 jobs\n')
  })
})

describe('millrace show', () => {
  it('shows what the node knew when a job failed, with nothing that a terminal obeys', async () => {
    const project = await aProject({}, '\u001b[31mred')
    const { document } = await project.json(['dead'])
    const { code, stdout } = await project.run(['show', document.jobs[0].id])
    expect(code).toBe(0)
    expect(stdout).toContain('when it failed')
    expect(stdout).toMatch(/node [\da-f-]{36}, pid \d+ on .*, Node\.js v\d+/)
    expect(stdout).toMatch(/memory \d+ MB, heap \d+ MB of \d+ MB/)
    expect(stdout).toContain(document.jobs[0].fingerprint)
    expect(stdout).not.toContain('\u001b')
  })

  it('shows what is known of a process that was killed with the job', async () => {
    const project = cliProject()
    const killed = await project.worker()
    const { id } = (await project.json(['enqueue', 'work.untilOpen', '--max-attempts', '1'])).document
    await eventually(async () => (await project.json(['ls', '--state', 'running'])).document.jobs[0]?.startedAt)
    killed.child.kill('SIGKILL')
    await killed.ended
    await project.worker()
    await eventually(async () => (await project.json(['dead'])).document.jobs.length === 1)
    const { stdout } = await project.run(['show', id])
    expect(stdout).toMatch(
      /its process had died, nothing was heard of it for .+, found by node [\da-f-]{36}; .+ one crash;/,
    )
    expect(stdout).toMatch(new RegExp(`node [\\da-f-]{36}, pid ${killed.child.pid} on .*, millrace \\d`))
    expect(stdout).not.toMatch(/Node\.js|heap|null|undefined|NaN/)
  }, 60_000)
})

describe('what is wrong', () => {
  it.each([
    [['dead', 'retry'], /needs the id of a job, or --all/],
    [['dead', 'retry', '--all', '--rate', 'quick'], /50\/1s/],
    [['dead', 'retry', '--all', '--yes', '--rate', '5/soon'], /50\/1s/],
    [['dead', 'drop', 'x', '--all'], /exclude each other/],
    [['dead', 'drop', 'x', '--dry-run'], /--dry-run goes with --all/],
    [['dead', 'groups', '--since', 'yesterday'], /"since"/],
    [['dead', 'group'], /too many arguments|unknown command/],
    [['errors', '--nam', 'x'], /--name/],
  ])('is said by %j', async (args, message) => {
    const project = cliProject()
    await project.run(['enqueue', 'work.fail', '--args', '[]'])
    const { code, stderr } = await project.run(args)
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(message) })
  })
})
