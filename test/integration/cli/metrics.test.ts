import { describe, expect, it } from 'vitest'

import { cliProject, DATABASES } from './cli-project.ts'

describe.each(DATABASES)('millrace metrics on %s', (_name, environment) => {
  it('shows what a worker counted, once it has stopped, and says so when there is nothing', async () => {
    const project = cliProject(await environment())
    const worker = await project.worker()
    expect(await project.run(['metrics'])).toMatchObject({
      code: 0,
      stdout: '',
      stderr: expect.stringContaining('nothing ended'),
    })
    await project.run(['enqueue', 'work.echo', '--args', '[1]', '--wait'])
    await project.run(['enqueue', 'work.fail', '--args', '["no luck"]', '--max-attempts', '1', '--wait'])
    worker.child.kill('SIGTERM')
    expect((await worker.ended).code).toBe(0)
    const { code, document } = await project.json(['metrics', '--since', '1h'])
    expect({ code, document }).toMatchObject({
      code: 0,
      document: { version: 1, stepMs: 60_000, total: { attempts: 2, completed: 1, failed: 1 } },
    })
    const { stdout } = await project.run(['metrics', '--name', 'work.fail'])
    expect(stdout).toContain('work.fail')
    expect(stdout).not.toContain('work.echo')
    expect(await project.run(['metrics', '--since', 'long'])).toMatchObject({ code: 2 })
  }, 60_000)
})
