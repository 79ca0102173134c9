/**
 * `millrace quiet <node>` and `millrace stop <node>`: orders to a node, stored, and read by it within seconds. The command waits
 * until the node has confirmed.
 */

import { Command } from 'commander'

import type { NodeInfo } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { deadNodeError, findNode, nodeTitle, SHOWN_ID } from '../find-node.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions, type OpenRunner } from '../open-runner.ts'
import { addOperatorOptions, readOperator, type OperatorFlags } from '../operator-options.ts'
import type { Launch, Session } from '../session.ts'

interface OrderFlags extends DataOptions, OperatorFlags {}

interface QuietFlags extends OrderFlags {
  readonly undo?: boolean | undefined
}

type Wanted = 'quiet' | 'stop' | null

/** A node that is alive looks for orders every three seconds. */
const CONFIRMED_WITHIN_MS = 10_000
const LOOK_EVERY_MS = 250

/** Makes `quiet`. */
export function quietCommand(launch: Launch): Command {
  return addOperatorOptions(
    addDatabaseOption(new Command('quiet').description('let a node begin no more jobs; what runs there goes on')),
  )
    .argument('<node>', 'its id, or how that begins; see `millrace nodes`')
    .option('--undo', 'let it begin jobs again')
    .action((node: string, flags: QuietFlags) =>
      launch((session) => order(session, { id: node, wanted: flags.undo === true ? null : 'quiet', flags })),
    )
}

/** Makes `stop`. */
export function stopCommand(launch: Launch): Command {
  return addOperatorOptions(
    addDatabaseOption(new Command('stop').description('end a node in good order, as Ctrl-C does there')),
  )
    .argument('<node>', 'its id, or how that begins; see `millrace nodes`')
    .action((node: string, flags: OrderFlags) =>
      launch((session) => order(session, { id: node, wanted: 'stop', flags })),
    )
}

async function order(
  session: Session,
  { id, wanted, flags }: { readonly id: string; readonly wanted: Wanted; readonly flags: OrderFlags },
): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, flags, async (open) => {
    const node = await findNode(open, id)
    const title = nodeTitle(node)
    if (node.state === 'dead' || !(await open.runner.orderNode(node.id, wanted, readOperator(flags)))) {
      throw deadNodeError(node)
    }
    const after = await confirmed(session, open, node.id, wanted)
    const isConfirmed = after !== 'pending'
    terminal.printJson({ node: node.id, wanted, confirmed: isConfirmed, state: stateOf(after, node) })
    if (!isConfirmed) {
      terminal.say(
        `${title} has not confirmed it within ${CONFIRMED_WITHIN_MS / 1_000} s; it is stored, and done when it is heard`,
      )
      return EXIT.failed
    }
    terminal.print(`${title} ${doneText(wanted, after)}`)
    return EXIT.ok
  })
}

/** How the node is once it does what was wanted; null when it is gone. */
async function confirmed(
  { clock }: Session,
  { runner }: OpenRunner,
  id: string,
  wanted: Wanted,
): Promise<NodeInfo | null | 'pending'> {
  const deadline = clock.monotonic() + CONFIRMED_WITHIN_MS
  for (;;) {
    const node = (await runner.nodes()).find((one) => one.id === id)
    if (node === undefined || node.state === 'dead') return null
    const isDone = wanted === null ? node.state === 'alive' : node.order?.isObeyed === true
    if (isDone) return node
    if (clock.monotonic() > deadline) return 'pending'
    await new Promise<void>((resolve) => clock.after(LOOK_EVERY_MS, resolve))
  }
}

function stateOf(after: NodeInfo | null | 'pending', before: NodeInfo): string {
  if (after === null) return 'gone'
  return after === 'pending' ? before.state : after.state
}

function doneText(wanted: Wanted, after: NodeInfo | null): string {
  if (after === null) return 'has ended'
  const running = after.consumers.filter(({ job }) => job !== undefined).length
  const rest = `${running} ${running === 1 ? 'job runs' : 'jobs run'} there`
  if (wanted === 'quiet')
    return `is quiet: ${rest}, and no other begins until \`millrace quiet --undo ${after.id.slice(0, SHOWN_ID)}\``
  return wanted === 'stop' ? `stops: ${rest}` : 'begins jobs again'
}
