/** Commands about the processes that run jobs: they see, and reach, workers of other processes. */

import { describe, expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { cliProject, DATABASES, type CliProject } from './cli-project.ts'

/** The node that runs there, once it has shown itself. */
async function theNode(project: CliProject) {
  return eventually(async () => {
    const { document } = await project.json(['nodes'])
    return document.nodes[0]?.consumers.length > 0 ? document.nodes[0] : null
  })
}

describe.each(DATABASES)('nodes on %s', (_, newDatabase) => {
  it('are listed with their consumers, and shown with their stages', async () => {
    const project = cliProject(await newDatabase())
    const none = await project.run(['nodes'])
    expect(none).toMatchObject(none.code === 3 ? { code: 3 } : { code: 0, stdout: '' })
    const worker = await project.worker('--queues', 'default')
    const node = await theNode(project)
    expect(node).toMatchObject({ pid: worker.child.pid, state: 'alive', order: null, rescued: null })
    expect(node.consumers).toHaveLength(2)
    expect(node).not.toHaveProperty('flow')
    const text = (await project.run(['nodes', '--consumers', '--queue', 'default'])).stdout
    expect(text).toMatch(new RegExp(`^NODE .*\\n${node.id.slice(0, 8)}  alive .* 0/2 `))
    expect(text).toMatch(/\n\nNODE +QUEUE .*\n.*default .*\n.*default /)
    expect(await project.json(['nodes', '--queue', 'nobody'])).toMatchObject({ code: 4 })

    const flow = await project.json(['flow'])
    const names = flow.document.nodes[0].flow.stages.map((stage: { name: string }) => stage.name)
    expect(names).toEqual(expect.arrayContaining(['default/producer', 'default/consumer-2', 'default/acker']))
    const shown = (await project.run(['flow', '--node', node.id.slice(0, 8)])).stdout
    // The same picture as everywhere else: what is outstanding on each way, and where it is held up.
    expect(shown).toMatch(/\n  └─▶ default\/consumer-2  █+ 1\/1 outstanding, 0\/s\n/)
    expect(shown).toMatch(/\n(No bottleneck: |`.* is the bottleneck)/)
  }, 60_000)

  it('are quiet, go on, and end, as they are told', async () => {
    const project = cliProject(await newDatabase())
    const worker = await project.worker()
    const { id } = await theNode(project)
    const told = await project.json(['quiet', id, '--as', 'ana', '--reason', 'too hot'])
    expect(told).toMatchObject({ code: 0, document: { node: id, wanted: 'quiet', confirmed: true, state: 'draining' } })
    await project.run(['enqueue', 'work.echo'])
    expect((await project.run(['nodes'])).stdout).toMatch(/draining .* quiet\n$/)
    const undone = await project.run(['quiet', '--undo', id.slice(0, 8)])
    expect(undone).toMatchObject({ code: 0, stdout: expect.stringContaining('begins jobs again') })
    await eventually(async () => (await project.json(['ls', '--state', 'completed'])).document.jobs.length === 1)
    const stopped = await project.json(['stop', id.slice(0, 8)])
    expect(stopped).toMatchObject({ code: 0, document: { node: id, wanted: 'stop', confirmed: true } })
    expect((await worker.ended).code).toBe(0)
    const about = { node: id, pid: worker.child.pid }
    expect((await project.json(['audit'])).document.entries).toMatchObject([
      { action: 'node-stop', by: expect.stringMatching(/^.+@.+$/), target: about, reason: null },
      { action: 'node-resume', target: about },
      { action: 'node-quiet', by: 'ana', queue: null, target: about, reason: 'too hot' },
    ])
    const unknown = await project.json(['stop', id])
    expect(unknown).toMatchObject({ code: 4, document: { error: { code: 'not-found' } } })
  }, 60_000)

  it('have as many consumers as they are told', async () => {
    const project = cliProject(await newDatabase())
    await project.worker()
    const scaled = await project.json(['scale', 'default', '3..6'])
    expect(scaled).toMatchObject({ code: 0, document: { queue: 'default', scaled: { min: 3, max: 6 } } })
    await eventually(async () => {
      const { document } = await project.json(['nodes', '--queue', 'default'])
      return document.nodes[0]?.consumers.length === 3
    })
    expect((await project.run(['queues'])).stdout).toMatch(/\ndefault .* 3\.\.6 +0 +open/)
    const why = ['--as', 'ana', '--reason', 'a sale']
    expect(await project.json(['scale', 'default', '7', ...why])).toMatchObject({ document: { scaled: 7 } })
    expect(await project.json(['scale', 'default', '--reset'])).toMatchObject({ document: { scaled: null } })
    expect((await project.json(['audit', '--action', 'scale'])).document.entries).toMatchObject([
      { queue: 'default', target: { scale: null } },
      { queue: 'default', by: 'ana', target: { scale: { min: 7, max: 7 } }, reason: 'a sale' },
      { queue: 'default', target: { scale: { min: 3, max: 6 } } },
    ])
    for (const args of [['0'], ['5..2'], ['many'], ['3', '--reset'], []]) {
      expect(await project.json(['scale', 'default', ...args]), args.join(' ')).toMatchObject({ code: 2 })
    }
    expect(await project.json(['scale', 'nobody', '3'])).toMatchObject({ code: 4 })
  }, 60_000)
})
