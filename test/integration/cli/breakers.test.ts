/** `millrace breakers`, `millrace breaker` and `millrace audit`. */

import { describe, expect, it } from 'vitest'

import { cliProject, DATABASES } from './cli-project.ts'

describe.each(DATABASES)('circuit breakers on %s', (_, newDatabase) => {
  it('are held open and let go, and a worker heeds that', async () => {
    const project = cliProject(await newDatabase())
    await project.worker()
    expect(await project.run(['breakers'])).toMatchObject({ code: 0, stdout: '' })
    const opened = await project.json(['breaker', 'open', 'work.echo', '--as', 'ana', '--reason', 'a move'])
    expect(opened).toMatchObject({
      code: 0,
      document: {
        version: 1,
        breaker: { queue: 'default', by: 'name', subject: 'work.echo', state: 'open', mode: 'open', openUntil: null },
      },
    })
    const { id } = (await project.json(['enqueue', 'work.echo', '--args', '[1]'])).document
    const why = await project.json(['explain', id])
    expect(why.document).toMatchObject({ waiting: 'breaker', detail: expect.stringContaining('ana opened it: a move') })
    expect((await project.json(['breakers'])).document).toEqual({ version: 1, breakers: [opened.document.breaker] })
    const table = await project.run(['breakers'])
    expect(table.stdout).toMatch(/QUEUE +BREAKER OF +STATE/)
    expect(table.stdout).toMatch(/default +name work\.echo +open \(held\)/)

    const closed = await project.run(['breaker', 'auto', 'work.echo'])
    expect(closed).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('"work.echo" in queue "default" is closed'),
    })
    const done = await project.json(['enqueue', 'work.echo', '--args', '[2]', '--wait'])
    expect(done.document).toMatchObject({ state: 'completed' })
  })

  it('are those of a key, too', async () => {
    const project = cliProject(await newDatabase())
    await project.run(['migrate'])
    const { code, document } = await project.json(['breaker', 'close', '--queue', 'email', '--key', 'acme'])
    expect(code).toBe(0)
    expect(document.breaker).toMatchObject({ queue: 'email', by: 'key', subject: 'acme', mode: 'closed' })
  })

  it('are listed as asked, and it is told when there are more', async () => {
    const project = cliProject(await newDatabase())
    await project.run(['migrate'])
    for (const key of ['acme', 'beta', 'gamma']) {
      await project.run(['breaker', key === 'beta' ? 'close' : 'open', '--queue', 'email', '--key', key])
    }
    const listed = async (...args: string[]): Promise<readonly string[]> =>
      (await project.json(['breakers', ...args])).document.breakers.map((one: { subject: string }) => one.subject)
    expect(await listed()).toEqual(['gamma', 'beta', 'acme'])
    expect(await listed('--state', 'open')).toEqual(['gamma', 'acme'])
    expect(await listed('--key', 'beta', '--queue', 'email')).toEqual(['beta'])
    expect(await listed('--name', 'work.echo')).toEqual([])
    expect((await project.json(['breakers', '--limit', '2'])).document).toMatchObject({
      breakers: [{}, {}],
      more: true,
    })
    expect((await project.run(['breakers', '--limit', '2'])).stderr).toContain('there are more than these 2')
    expect((await project.run(['breakers', '--limit', '3'])).stderr).toBe('')
    expect((await project.run(['breakers', '--state', 'ajar'])).code).toBe(2)
    expect((await project.run(['breakers', '--limit', '0'])).code).toBe(2)
  })

  it.each([
    ['a name that nobody knows', ['open', 'work.nothing'], 4],
    ['what can be no name', ['open', 'not a name'], 2],
    ['no name', ['open'], 2],
    ['a name and a key', ['close', 'work.echo', '--key', 'acme', '--queue', 'email'], 2],
    ['a key without its queue', ['auto', '--key', 'acme'], 2],
    ['a verb that there is not', ['shut', 'work.echo'], 2],
  ])('refuse %s', async (_what, args, code) => {
    const project = cliProject(await newDatabase())
    await project.run(['migrate'])
    const ended = await project.run(['breaker', ...args])
    expect(ended).toMatchObject({ code, stdout: '' })
    expect(ended.stderr).toContain('error:')
  })
})

describe.each(DATABASES)('the audit on %s', (_, newDatabase) => {
  it('says who did what, and why, to whoever asks', async () => {
    const project = cliProject(await newDatabase())
    await project.run(['enqueue', 'work.echo'])
    expect(await project.run(['audit'])).toMatchObject({ code: 0, stdout: '', stderr: 'nothing is written down\n' })
    await project.run(['pause', 'default', '--as', 'ana', '--reason', 'a release'])
    await project.run(['cancel', '--all', '--yes', '--as', 'ben'])
    await project.run(['resume', 'default'])
    const { document } = await project.json(['audit'])
    expect(document).toMatchObject({
      version: 1,
      entries: [
        { action: 'resume', by: expect.stringContaining('@'), queue: 'default', reason: null },
        { action: 'cancel', by: 'ben', jobs: 1 },
        { action: 'pause', by: 'ana', queue: 'default', reason: 'a release', at: expect.stringMatching(/^\d{4}-.*Z$/) },
      ],
    })
    expect((await project.json(['audit', '--action', 'pause', '--limit', '1'])).document.entries).toHaveLength(1)
    expect((await project.run(['audit', '--queue', 'default'])).stdout).toContain('a release')
    expect((await project.run(['audit', '--action', 'dance'])).code).toBe(2)
    expect((await project.run(['audit', '--limit', '0'])).code).toBe(2)
  })
})
