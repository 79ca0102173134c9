import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { cliProject, emptyProject } from './cli-project.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'

describe('enqueue', () => {
  it('prints the id to standard output and words to standard error', async () => {
    const project = cliProject()
    const { code, stdout } = await project.run(['enqueue', 'work.echo', '--args', '[1,"two"]'])
    expect(code).toBe(0)
    const id = stdout.trim().split(/\s+/)[0] ?? ''
    const { document } = await project.json(['show', id])
    expect(document).toMatchObject({ version: 1, job: { id, name: 'work.echo', args: [1, 'two'], state: 'queued' } })
  })

  it('stores the options that it is given', async () => {
    const project = cliProject()
    const options = [
      '--queue',
      'email',
      '--delay',
      '5m',
      '--priority',
      '-3',
      '--key',
      'acme',
      '--tag',
      'a',
      '--max-attempts',
      '7',
    ]
    const { document } = await project.json(['enqueue', 'work.echo', '--args', '[]', ...options])
    const { document: shown } = await project.json(['show', document.id ?? document.job.id])
    expect(shown.job).toMatchObject({
      queue: 'email',
      state: 'scheduled',
      priority: -3,
      key: 'acme',
      tags: ['a'],
      maxAttempts: 7,
    })
  })

  it('waits for the result of a worker in another process', async () => {
    const project = cliProject()
    await project.worker()
    const { code, stdout } = await project.run(['enqueue', 'work.echo', '--args', '[41,{"b":2}]', '--wait'])
    expect(code).toBe(0)
    expect(stdout).toContain('41')
  })

  it('exits with 1 when the job that it waits for fails', async () => {
    const project = cliProject()
    await project.worker()
    const args = ['enqueue', 'work.fail', '--args', '["no luck"]', '--max-attempts', '1', '--wait']
    const { code, stderr } = await project.run(args)
    expect(code).toBe(1)
    expect(stderr).toContain('no luck')
  })

  it('suggests the nearest name, and stores nothing', async () => {
    const project = cliProject()
    const { code, stderr } = await project.run(['enqueue', 'work.ecko'])
    expect(code).not.toBe(0)
    expect(stderr).toContain('work.echo')
    expect((await project.json(['ls'])).code).not.toBe(1)
  })

  it('refuses args that are no JSON array', async () => {
    const { code, stderr } = await cliProject().run(['enqueue', 'work.echo', '--args', '{broken'])
    expect(code).toBe(2)
    expect(stderr).toContain('--args')
  })
})

describe('looking and operating', () => {
  it('lists, explains, pauses, resumes, cancels, retries and deletes', async () => {
    const project = cliProject()
    const { document } = await project.json(['enqueue', 'work.echo', '--args', '["needle"]', '--queue', 'email'])
    const id: string = document.id ?? document.job.id
    expect((await project.json(['ls', '--search', 'needle'])).document.jobs).toHaveLength(1)
    expect((await project.json(['ls', '--state', 'failed'])).document.jobs).toHaveLength(0)
    expect((await project.run(['explain', id])).stdout).toContain('no-worker')
    expect((await project.run(['pause', 'email'])).code).toBe(0)
    const { document: queues } = await project.json(['queues'])
    expect(queues.queues.find(({ name }: { name: string }) => name === 'email')).toMatchObject({
      depth: 1,
      paused: true,
    })
    expect((await project.run(['resume', 'email'])).code).toBe(0)
    expect((await project.run(['cancel', id])).code).toBe(0)
    expect((await project.json(['show', id])).document.job.state).toBe('cancelled')
    expect((await project.run(['retry', id])).code).toBe(0)
    expect((await project.json(['show', id])).document.job.state).toBe('queued')
    expect((await project.run(['delete', id, '--yes'])).code).toBe(0)
    expect((await project.run(['show', id])).code).toBe(4)
  })

  it('lists dead letters with their error', async () => {
    const project = cliProject()
    await project.worker()
    await project.run(['enqueue', 'work.fail', '--args', '["\\u001b[31mred"]', '--max-attempts', '1', '--wait'])
    const { code, stdout } = await project.run(['dead'])
    expect(code).toBe(0)
    expect(stdout).toContain('work.fail')
    // Escape sequences in what a job said never reach the terminal.
    expect(stdout).not.toContain('\u001b')
  })

  it('works without a configuration on a database that is there', async () => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo'])
    const elsewhere = emptyProject()
    const url = `sqlite:${join(project.folder, 'millrace.db')}`
    const { code, document } = await elsewhere.json(['ls', '--database', url])
    expect(code).toBe(0)
    expect(document.jobs).toHaveLength(1)
  })

  it('does not create a database by looking', async () => {
    const project = emptyProject()
    const first = await project.run(['ls'])
    expect([3, 4]).toContain(first.code)
    expect(first.stderr).not.toBe('')
    expect([3, 4]).toContain((await project.run(['ls'])).code)
  })

  it('asks for --yes before it changes many jobs without a terminal', async () => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo'])
    const { code, stderr } = await project.run(['cancel', '--queue', 'default'])
    expect(code).toBe(5)
    expect(stderr).toContain('--yes')
    expect((await project.run(['cancel', '--queue', 'default', '--yes'])).code).toBe(0)
  })
})

describe('wrong use', () => {
  it.each([
    ['an unknown command', ['qeues'], 2, 'queues'],
    ['an unknown option', ['ls', '--stat', 'failed'], 2, '--state'],
    ['an unknown state', ['ls', '--state', 'broken'], 2, 'failed'],
    ['an unknown job', ['show', NOBODY], 4, NOBODY],
    ['a command that is planned', ['dashboard'], 5, 'not available yet'],
  ])('answers %s with its exit code and a hint', async (_what, args, exitCode, hint) => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo'])
    const { code, stderr } = await project.run(args)
    expect({ code, hasHint: stderr.includes(hint), stderr }).toMatchObject({ code: exitCode, hasHint: true })
  })

  it.each([
    ['throws', 'throw new Error("no such planet")', 'no such planet'],
    ['cannot be parsed', 'export default {', 'millrace.config.ts'],
    ['exports no runner', 'export const x = 1', 'default'],
    [
      'is wrong',
      "import { createRunner } from 'millrace'\nexport default createRunner({ jobs: {}, queus: {} })",
      'queues',
    ],
  ])('says which configuration %s', async (_what, text, hint) => {
    const project = cliProject()
    project.write('millrace.config.ts', text)
    const { code, stderr } = await project.run(['start'])
    expect(code).not.toBe(0)
    expect(stderr).toContain(hint)
  })

  it('exits with 3 when the folder of the database cannot be written', async () => {
    const project = cliProject()
    writeFileSync(join(project.folder, 'file'), '')
    const { code, stderr } = await project.run(['queues', '--database', `sqlite:${join(project.folder, 'file/x.db')}`])
    expect(code).toBe(3)
    expect(stderr).toContain('x.db')
  })
})

describe('start', () => {
  it('stops gracefully at SIGINT, and hands the running job back with no attempt charged', async () => {
    const project = cliProject()
    const worker = await project.worker()
    const { document } = await project.json(['enqueue', 'work.untilAborted', '--args', '[]'])
    const id: string = document.id ?? document.job.id
    await eventually(async () => (await project.json(['show', id])).document.job.startedAt !== null)
    worker.child.kill('SIGINT')
    await worker.saw('stopping')
    worker.child.kill('SIGINT')
    expect((await worker.ended).code).toBe(0)
    expect((await project.json(['show', id])).document.job).toMatchObject({ state: 'queued', attempt: 0 })
  })

  it('exits with 0 at once at SIGTERM when nothing runs', async () => {
    const project = cliProject()
    const worker = await project.worker()
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
  })

  it('stops and asks to be started anew when too many handlers are stuck', async () => {
    const project = emptyProject()
    project.write(
      'millrace.config.mjs',
      `import { createRunner, job } from 'millrace'
       const work = { ignore: job({ timeout: 50, maxAttempts: 1 }, () => new Promise(() => {})) }
       export default createRunner({ jobs: { work }, stuckLimit: 2 })`,
    )
    const worker = await project.worker()
    for (let index = 0; index < 2; index++) await project.run(['enqueue', 'work.ignore', '--args', '[]'])
    await worker.saw('started anew')
    expect((await worker.ended).code).toBe(75)
  }, 30_000)

  it('tells each job that ends, and for a failed one how to see why', async () => {
    const project = cliProject()
    const worker = await project.worker()
    await project.run(['enqueue', 'work.fail', '--max-attempts', '1', '--wait'])
    await worker.saw('work.fail')
    expect(`${worker.stdout()}${worker.stderr()}`).toContain('millrace show')
  })

  it('reads .env, and never overrides a variable', async () => {
    const project = cliProject()
    project.write('.env', 'FROM_FILE=file\nFROM_BOTH=file\n')
    const worker = project.start(['start'], { env: { FROM_BOTH: 'process' } })
    await worker.saw('queues')
    const { stdout } = await project.run(['enqueue', 'work.variables', '--args', '["FROM_FILE","FROM_BOTH"]', '--wait'])
    expect(stdout).toMatch(/"file"[\s\S]*"process"/)
  })
})
