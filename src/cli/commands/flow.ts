/** `millrace flow`: the stages of every node, with their demand and buffers. */

import { Command } from 'commander'

import type { NodeInfo } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { deadNodeError, findNode, SHOWN_ID } from '../find-node.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions, type OpenRunner } from '../open-runner.ts'
import { shorten } from '../output/clean-text.ts'
import { formatFlow } from '../../stage/index.ts'
import type { Launch, Session } from '../session.ts'

interface FlowFlags extends DataOptions {
  readonly node?: string | undefined
}

/** A node shows its stages once it knows that somebody looks, and looks for that every three seconds. */
const SHOWN_WITHIN_MS = 6_000
const LOOK_EVERY_MS = 250

/** Makes the command. */
export function flowCommand(launch: Launch): Command {
  return addDatabaseOption(
    new Command('flow').description('show the stages of every node with their demand and buffers'),
  )
    .option('--node <node>', 'only of the node whose id begins so')
    .action((flags: FlowFlags) => launch((session) => showFlow(session, flags)))
}

async function showFlow(session: Session, flags: FlowFlags): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, flags, async (open) => {
    const only = flags.node === undefined ? undefined : (await livingNode(open, flags.node)).id
    const nodes = await shownNodes(session, open, only)
    terminal.printJson({ nodes: nodes.map(({ id, host, pid, state, flow }) => ({ id, host, pid, state, flow })) })
    if (nodes.length === 0) terminal.say('no node is running')
    for (const [index, node] of nodes.entries()) {
      if (index > 0) terminal.print('')
      const title = `node ${node.id.slice(0, SHOWN_ID)}  ${node.host} (pid ${node.pid})  ${node.state}`
      terminal.print(terminal.colors.bold(title))
      terminal.print(...flowLines(node, terminal.width))
    }
    return EXIT.ok
  })
}

async function livingNode(open: OpenRunner, id: string): Promise<NodeInfo> {
  const node = await findNode(open, id)
  if (node.state === 'dead') throw deadNodeError(node)
  return node
}

function flowLines({ flow }: NodeInfo, width = Infinity): string[] {
  const text = flow === null ? 'it has not shown its stages yet' : formatFlow(flow)
  return text.split('\n').map((line) => shorten(line, width))
}

/** The living nodes, once all of them have shown their stages or the time for that is over. */
async function shownNodes(
  { clock }: Session,
  { runner }: OpenRunner,
  only: string | undefined,
): Promise<readonly NodeInfo[]> {
  const deadline = clock.monotonic() + SHOWN_WITHIN_MS
  for (;;) {
    const nodes = (await runner.nodes({ watch: true })).filter(
      ({ id, state }) => state !== 'dead' && (only === undefined || id === only),
    )
    if (nodes.every(({ flow }) => flow !== null) || clock.monotonic() > deadline) return nodes
    await new Promise<void>((resolve) => clock.after(LOOK_EVERY_MS, resolve))
  }
}
