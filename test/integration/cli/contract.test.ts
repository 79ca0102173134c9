/** What every command promises: where output goes, what it looks like, and how it ends. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { root } from '../../package/package-files.ts'
import { eventually } from '../../support/eventually.ts'
import { cliProject, DATABASES, emptyProject, type CliProject } from './cli-project.ts'

const NOBODY = '00000000-0000-4000-8000-000000000000'

/** A job whose name is given, in a project; answers its id. */
async function enqueued(project: CliProject, ...args: string[]): Promise<string> {
  const { stdout } = await project.run(['enqueue', ...args])
  return stdout.trim()
}

describe.each(DATABASES)('--json on %s', (_, newDatabase) => {
  it('is one document with a version for every command', async () => {
    const project = cliProject(await newDatabase())
    const { document: made } = await project.json(['enqueue', 'work.echo', '--args', '[1]', '--tag', 'a'])
    expect(made).toEqual({ version: 1, id: expect.any(String), status: 'created' })
    const { id } = made
    const again = await project.json(['enqueue', 'work.echo', '--args', '[2]', '--id', id])
    expect(again.document).toEqual({ version: 1, id, status: 'duplicate' })

    const job = { id, name: 'work.echo', queue: 'default', state: 'queued', args: [1], tags: ['a'], attempt: 0 }
    expect((await project.json(['ls'])).document).toEqual({ version: 1, jobs: [expect.objectContaining(job)] })
    expect((await project.json(['ls', '--search', 'zzz'])).document).toEqual({
      version: 1,
      jobs: [],
      searched: { jobs: 1, complete: true },
    })
    expect((await project.json(['show', id])).document).toMatchObject({ version: 1, job: { ...job, attempts: [] } })
    expect((await project.json(['explain', id])).document).toEqual({
      version: 1,
      id,
      state: 'queued',
      waiting: 'no-worker',
      detail: expect.stringContaining('millrace start'),
    })
    expect((await project.json(['queues'])).document).toEqual({
      version: 1,
      queues: [
        {
          name: 'default',
          depth: 1,
          scheduled: 0,
          running: 0,
          oldestAgeMs: expect.any(Number),
          rate: 0,
          paused: false,
          concurrency: 2,
          scaled: null,
          wantedReplicas: 1,
          wantedReason: expect.stringContaining('1 job waits'),
        },
      ],
    })
    expect((await project.json(['dead'])).document).toEqual({ version: 1, jobs: [] })
    expect((await project.json(['pause', 'default'])).document).toEqual({ version: 1, queue: 'default', paused: true })
    expect((await project.json(['resume', 'default'])).document).toMatchObject({ queue: 'default', paused: false })
    expect((await project.json(['cancel', id])).document).toEqual({ version: 1, cancelled: 1, skipped: [] })
    expect((await project.json(['retry', '--all', '--yes'])).document).toEqual({ version: 1, retried: 1, skipped: [] })
    expect((await project.json(['delete', id])).document).toEqual({ version: 1, deleted: 1, skipped: [] })
    const { document: migrated } = await project.json(['migrate'])
    expect(migrated).toEqual({ version: 1, from: expect.any(Number), to: migrated.from, applied: [] })
    const { document: version } = await project.json(['--version'])
    expect(version).toEqual({ version: 1, millrace: expect.stringMatching(/^\d+\.\d+/), node: process.versions.node })
  })

  it('tells an error as a document too, and in words on standard error', async () => {
    const project = cliProject(await newDatabase())
    await enqueued(project, 'work.echo')
    const unknown = await project.json(['show', NOBODY])
    expect(unknown.document).toMatchObject({ version: 1, error: { code: 'not-found' }, exitCode: 4 })
    expect(unknown.stderr).toContain(NOBODY)
    const wrong = await project.json(['ls', '--limit', '0'])
    expect(wrong.document).toMatchObject({ error: { code: 'ERR_BAD_OPTIONS' }, exitCode: 2 })
    expect((await project.json(['qeues'])).document).toMatchObject({ error: { code: 'usage' }, exitCode: 2 })
    expect((await project.json(['bench'])).document).toMatchObject({
      error: { code: 'refused' },
      exitCode: 5,
    })
  })

  it('tells the result of a job that was waited for, or its error', async () => {
    const project = cliProject(await newDatabase())
    await project.worker()
    const done = await project.json(['enqueue', 'work.echo', '--args', '["x"]', '--wait'])
    expect(done.document).toMatchObject({ version: 1, status: 'created', state: 'completed', result: ['x'] })
    const args = ['enqueue', 'work.fail', '--args', '["no luck"]', '--max-attempts', '1', '--wait']
    const failed = await project.json(args)
    expect(failed).toMatchObject({
      code: 1,
      document: { version: 1, state: 'failed', error: { code: 'ERR_JOB_FAILED', message: 'no luck' } },
    })
  })

  it('is one object in each line for a worker', async () => {
    const project = cliProject(await newDatabase())
    const worker = project.start(['start', '--json'])
    await worker.saw('started')
    await project.run(['enqueue', 'work.echo', '--wait'])
    await worker.saw('"event":"job"')
    worker.child.kill('SIGTERM')
    const { code, stdout } = await worker.ended
    const lines = stdout.trim().split('\n')
    expect(code).toBe(0)
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      {
        version: 1,
        event: 'started',
        queues: [
          { name: 'default', concurrency: 2 },
          { name: 'email', concurrency: 10 },
        ],
        jobs: expect.arrayContaining(['work.echo', 'work.fail']),
        store: expect.stringMatching(/millrace\.db|^postgres:/),
      },
      { version: 1, event: 'job', name: 'work.echo', queue: 'default', outcome: 'completed' },
      { version: 1, event: 'stopping', running: 0 },
      { version: 1, event: 'stopped' },
    ])
  })
})

describe('output', () => {
  it('has data on standard output and words on standard error', async () => {
    const project = cliProject()
    const id = await enqueued(project, 'work.echo')
    expect(id).toMatch(/^[\da-f-]{36}$/)
    const full = await project.run(['ls'])
    expect(full).toMatchObject({ code: 0, stderr: '' })
    expect(full.stdout).toContain(id)
    expect(await project.run(['ls', '--state', 'failed'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: 'no job matches\n',
    })
    const wrong = await project.run(['show', NOBODY])
    expect(wrong).toMatchObject({ code: 4, stdout: '' })
    expect(wrong.stderr).toMatch(/^error: /)
  })

  it('prints help to standard output when it is asked for, else it is wrong usage', async () => {
    const project = emptyProject()
    const help = await project.run(['--help'])
    expect(help).toMatchObject({ code: 0, stderr: '' })
    expect(help.stdout).toMatch(/dashboard .*\(not available\s+yet\)/)
    const none = await project.run([])
    expect(none).toMatchObject({ code: 2, stdout: '' })
    expect(none.stderr).toContain('Usage: millrace')
    expect((await project.run(['--version'])).stdout).toBe((await project.run(['version'])).stdout)
  })

  it('lets nothing of a job steer the terminal', async () => {
    const project = cliProject()
    await project.worker()
    const evil = '\u001b]0;owned\u0007\u001b[2J\u009b31m\u202eevil'
    const args = ['--args', JSON.stringify([evil]), '--key', evil, '--tag', evil.slice(0, 20), '--max-attempts', '1']
    const failed = await project.json(['enqueue', 'work.fail', ...args, '--wait'])
    const { id } = failed.document
    const runs = [['ls'], ['show', id], ['dead'], ['explain', id], ['cancel', id], ['ls', '--queue', evil], [evil]]
    for (const run of runs) {
      const { stdout, stderr } = await project.run(run)
      // Everything that a terminal obeys, but for the end of a line.
      // oxlint-disable-next-line no-control-regex -- control characters are what must not be there
      expect(`${stdout}${stderr}`.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/)
      expect(`${stdout}${stderr}`).toContain(run[0] === 'cancel' ? id : 'evil')
    }
    // oxlint-disable-next-line no-control-regex -- the same in a document
    expect(failed.stdout.trim()).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/)
  })

  it('masks passwords in URLs', async () => {
    const { stdout, stderr } = await emptyProject().json(['ls', '--database', 'mysql://ann:secret@host/db'])
    expect(`${stdout}${stderr}`).toContain('ann:***@host')
    expect(`${stdout}${stderr}`).not.toContain('secret')
  })

  it('ends quietly when its reader goes away', async () => {
    const project = cliProject()
    const long = 'x'.repeat(50_000)
    for (let count = 0; count < 4; count++) await enqueued(project, 'work.echo', '--args', JSON.stringify([long]))
    // The document is larger than a pipe holds, so the command still writes when the reader has left.
    const main = join(root, 'dist/cli/main.js')
    const child = spawn(process.execPath, [main, 'ls', '--json'], { cwd: project.folder, stdio: 'pipe' })
    let stderr = ''
    child.stderr.on('data', (text: unknown) => (stderr += String(text)))
    child.stdout.once('data', () => child.stdout.destroy())
    const code = await new Promise((resolve) => child.on('close', resolve))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it('ends promptly, whatever a configuration left open', async () => {
    const project = cliProject()
    await enqueued(project, 'work.echo')
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import { createServer } from 'node:net'
       createServer().listen(0)
       setInterval(() => {}, 1000)
       export default createRunner({ jobs: {} })`,
    )
    expect((await project.run(['queues'])).code).toBe(0)
  })
})

describe.each(DATABASES)('changing many jobs on %s', (_, newDatabase) => {
  it('tells their number and names the flag when nobody can be asked', async () => {
    const project = cliProject(await newDatabase())
    for (const queue of ['email', 'email', 'default']) await enqueued(project, 'work.echo', '--queue', queue)
    const refused = await project.run(['cancel', '--queue', 'email'])
    expect(refused).toMatchObject({ code: 5, stdout: '' })
    expect(refused.stderr).toMatch(/cancel 2 .*"email"[\s\S]*--yes/)
    expect((await project.run(['cancel', '--queue', 'email', '--yes'])).stdout).toBe('cancelled 2 jobs\n')
    expect((await project.json(['ls', '--state', 'queued'])).document.jobs).toHaveLength(1)
    expect((await project.run(['retry', '--all', '--state', 'cancelled', '--yes'])).stdout).toBe('retried 2 jobs\n')
    expect((await project.run(['delete', '--all', '--yes'])).stdout).toBe('deleted 3 jobs\n')
  })

  it('is never meant by saying nothing, and states that do not apply are refused', async () => {
    const project = cliProject(await newDatabase())
    await enqueued(project, 'work.echo')
    expect((await project.run(['cancel', '--yes'])).code).toBe(2)
    expect((await project.run(['cancel', NOBODY, '--all', '--yes'])).code).toBe(2)
    const wrong = await project.run(['retry', '--state', 'completed', '--yes'])
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('failed and cancelled jobs') })
  })

  it('says of each id what became of it', async () => {
    const project = cliProject(await newDatabase())
    const id = await enqueued(project, 'work.echo')
    const { code, stderr } = await project.run(['retry', id])
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining('it is queued') })
    const both = await project.json(['cancel', id, NOBODY])
    expect(both).toMatchObject({
      code: 4,
      document: { cancelled: 1, skipped: [{ id: NOBODY, reason: 'unknown' }] },
    })
  })
})

describe('a name that nobody knows', () => {
  it.each([
    ['a queue to pause', ['pause', 'emial'], 'did you mean "email"?', 4],
    ['a queue to serve', ['start', '--queues', 'default,emial'], 'did you mean "email"?', 4],
    ['a queue to list', ['ls', '--queue', 'defualt'], 'did you mean "default"?', 0],
    ['a job to enqueue', ['enqueue', 'work.ehco'], 'did you mean "work.echo"?', 4],
    ['a command', ['enqeue', 'work.echo'], 'did you mean enqueue?', 2],
    ['an option', ['enqueue', 'work.echo', '--dely', '5m'], 'did you mean --delay?', 2],
  ])('as %s is answered with the nearest', async (_, args, words, exitCode) => {
    const project = cliProject()
    await enqueued(project, 'work.echo')
    const { code, stderr } = await project.run(args)
    expect({ code, stderr }).toMatchObject({ code: exitCode, stderr: expect.stringContaining(words) })
  })
})

describe('start', () => {
  it('fits its first screen into twelve lines, with the store, the queues, the jobs and how to enqueue one', async () => {
    const project = cliProject()
    const many = Array.from({ length: 60 }, (_, index) => `q${index}: {}`).join(', ')
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import * as work from './work.ts'
       export default createRunner({ jobs: { work }, queues: { ${many} } })`,
    )
    const worker = await project.worker()
    await worker.saw('Ctrl-C')
    const screen = worker.stderr()
    expect(screen.trim().split('\n').length).toBeLessThanOrEqual(12)
    for (const word of [join(project.folder, 'millrace.db'), 'q0 ×10', 'and 53 more', 'work.echo', 'enqueue one:']) {
      expect(screen).toContain(word)
    }
  })

  it('serves only the queues that it is told, and is quiet with --quiet', async () => {
    const project = cliProject()
    const worker = await project.worker('--queues', 'email', '--quiet')
    const waiting = await enqueued(project, 'work.echo')
    await project.run(['enqueue', 'work.echo', '--queue', 'email', '--wait'])
    expect((await project.json(['explain', waiting])).document.waiting).toBe('no-worker')
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0, stdout: '' })
  })

  it('lets a job end that ends in time', async () => {
    const project = cliProject()
    const worker = await project.worker()
    const id = await enqueued(project, 'work.untilOpen')
    await eventually(async () => (await project.json(['show', id])).document.job.startedAt !== null)
    worker.child.kill('SIGINT')
    await worker.saw('stopping: 1 job')
    project.write('open', '')
    expect((await worker.ended).code).toBe(0)
    expect((await project.json(['show', id])).document.job).toMatchObject({ state: 'completed', result: 'opened' })
  })

  it('quits at the third signal, and another worker runs the job again', async () => {
    const project = cliProject()
    const worker = await project.worker()
    const id = await enqueued(project, 'work.untilOpen')
    await eventually(async () => (await project.json(['show', id])).document.job.startedAt !== null)
    for (const word of ['stopping', 'hurrying', 'quitting']) {
      worker.child.kill('SIGINT')
      if (word !== 'quitting') await worker.saw(word)
    }
    expect((await worker.ended).code).toBe(1)
    project.write('open', '')
    await project.worker()
    await eventually(async () => (await project.json(['show', id])).document.job.state === 'completed')
  })

  it('exits with 3 when its database cannot be opened', async () => {
    const project = emptyProject()
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       export default createRunner({ jobs: {}, database: 'sqlite:./millrace.config.ts/x.db' })`,
    )
    const { code, stderr } = await project.run(['start'])
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('x.db') })
  })

  it('refuses options that are planned', async () => {
    const { code, stderr } = await cliProject().run(['start', '--processes', '2'])
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining('not available yet') })
  })
})
