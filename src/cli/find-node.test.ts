import { describe, expect, it } from 'vitest'

import { aNode } from '../../test/support/factories.ts'
import { nodeProcesses } from '../host/processes.ts'
import { nodeInfo } from '../runner/node-view.ts'
import { findNode } from './find-node.ts'
import type { OpenRunner } from './open-runner.ts'

const processes = { ...nodeProcesses(), startOf: () => null }

/** Finds among nodes with these ids; those that end with `-dead` are dead. */
async function find(id: string, ids: readonly string[]): Promise<string> {
  const nodes = ids.map((one) => nodeInfo(aNode({ id: one, isDead: one.endsWith('-dead') }), processes))
  // Of the runner nothing else is asked.
  const open = { runner: { nodes: async () => nodes } } as unknown as OpenRunner
  return (await findNode(open, id)).id
}

describe('findNode', () => {
  it('finds the node with an id, or whose id begins so, in any case', async () => {
    expect(await find('a1', ['a1-2', 'b1-2'])).toBe('a1-2')
    expect(await find(' A1-2 ', ['a1-2', 'b1-2'])).toBe('a1-2')
    expect(await find('d', ['a1-2', 'd1-dead'])).toBe('d1-dead')
  })

  it('says which ones there are when none is meant, or several are', async () => {
    await expect(find('c', ['a1', 'd1-dead'])).rejects.toMatchObject({
      exitCode: 4,
      hint: 'the nodes are a1 (here, pid 1)',
    })
    await expect(find('c', ['d1-dead'])).rejects.toMatchObject({ exitCode: 4, hint: 'no node is running' })
    await expect(find('a', ['a1', 'a2'])).rejects.toMatchObject({
      exitCode: 2,
      message: '2 nodes have an id that begins with "a"',
      hint: 'give more of it: a1 (here, pid 1), a2 (here, pid 1)',
    })
    const many = Array.from({ length: 22 }, (_, index) => `a${index}`)
    await expect(find('a', many)).rejects.toMatchObject({ hint: expect.stringMatching(/ and 2 more$/) as string })
  })

  it('takes the living one of several', async () => {
    expect(await find('a', ['a1-dead', 'a2', 'a3-dead'])).toBe('a2')
    await expect(find('a', ['a1-dead', 'a3-dead'])).rejects.toMatchObject({ exitCode: 2 })
  })

  it('takes no empty id for the only node that there is', async () => {
    await expect(find('', ['a1'])).rejects.toMatchObject({ exitCode: 2 })
    await expect(find(' ', ['a1'])).rejects.toMatchObject({ exitCode: 2 })
  })
})
