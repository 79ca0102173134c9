/** Which node is meant. */

import type { NodeInfo } from '../index.ts'
import { CliError, notFoundError, usageError } from './cli-error.ts'
import { EXIT } from './exit-codes.ts'
import type { OpenRunner } from './open-runner.ts'

/** How much of an id is shown: enough to tell nodes apart. */
export const SHOWN_ID = 8

/** Nodes that a message names at most. */
const MOST_NAMED = 20

/**
 * The node with this id, or whose id begins with it; of several the only one that is not dead. Throws when there is none, or
 * more than one.
 */
export async function findNode({ runner }: OpenRunner, id: string): Promise<NodeInfo> {
  // Every id begins with nothing: a variable of a script that is not set must not mean whichever node there is.
  if (id.trim() === '') throw usageError('the id of a node is empty', 'see `millrace nodes`')
  const nodes = await runner.nodes()
  const found = nodes.filter((node) => node.id.startsWith(id.trim().toLowerCase()))
  const alive = found.filter(({ state }) => state !== 'dead')
  const [node, ...others] = alive.length > 0 ? alive : found
  if (node === undefined) {
    const running = nodes.filter(({ state }) => state !== 'dead')
    throw notFoundError(
      `no node has an id that begins with "${id}"`,
      running.length === 0 ? 'no node is running' : `the nodes are ${listOf(running)}`,
    )
  }
  if (others.length > 0) {
    const named = [node, ...others]
    throw usageError(`${named.length} nodes have an id that begins with "${id}"`, `give more of it: ${listOf(named)}`)
  }
  return node
}

/** How messages call a node. */
export function nodeTitle({ id, host, pid }: NodeInfo): string {
  return `node ${id.slice(0, SHOWN_ID)} (${host}, pid ${pid})`
}

/** What is wanted of a node can be done by living ones only. */
export function deadNodeError(node: NodeInfo): CliError {
  return new CliError(`${nodeTitle(node)} is dead`, { exitCode: EXIT.failed, hint: 'see `millrace nodes`' })
}

function listOf(nodes: readonly NodeInfo[]): string {
  const named = nodes.slice(0, MOST_NAMED).map(({ id, host, pid }) => `${id.slice(0, SHOWN_ID)} (${host}, pid ${pid})`)
  return nodes.length > MOST_NAMED ? `${named.join(', ')} and ${nodes.length - MOST_NAMED} more` : named.join(', ')
}
