/** Which node is meant. */

import type { NodeInfo } from '../index.ts'
import { notFoundError, usageError } from './cli-error.ts'
import type { OpenRunner } from './open-runner.ts'

/** How much of an id is shown: enough to tell nodes apart. */
export const SHOWN_ID = 8

/** The node with this id, or whose id begins with it. Throws when there is none, or more than one. */
export async function findNode({ runner }: OpenRunner, id: string): Promise<NodeInfo> {
  const nodes = await runner.nodes()
  const found = nodes.filter((node) => node.id.startsWith(id.toLowerCase()))
  const [node] = found
  if (node === undefined) {
    const alive = nodes.filter(({ state }) => state !== 'dead').map((one) => one.id.slice(0, SHOWN_ID))
    throw notFoundError(
      `no node has an id that begins with "${id}"`,
      alive.length === 0 ? 'no node is running' : `the nodes are ${alive.slice(0, 20).join(', ')}`,
    )
  }
  if (found.length > 1) {
    throw usageError(
      `${found.length} nodes have an id that begins with "${id}"`,
      'give more of it; see `millrace nodes`',
    )
  }
  return node
}
