/** `millrace nodes`: the processes that run jobs, and those that died lately. */

import { Command } from 'commander'

import type { NodeInfo } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { SHOWN_ID } from '../find-node.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { assertQueues, knownQueues } from '../known-queues.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { formatTable, type Column } from '../output/table.ts'
import type { Terminal } from '../output/terminal.ts'
import { durationText, relativeText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

interface NodesFlags extends DataOptions {
  readonly queue?: string | undefined
  readonly consumers?: boolean | undefined
}

/** Makes the command. */
export function nodesCommand(launch: Launch): Command {
  return addDatabaseOption(new Command('nodes').description('show the processes that run jobs'))
    .option('--queue <queue>', 'only those that serve this queue, and what they do for it')
    .option('--consumers', 'show each consumer')
    .action((flags: NodesFlags) => launch((session) => showNodes(session, flags)))
}

async function showNodes(session: Session, flags: NodesFlags): Promise<ExitCode> {
  const { terminal } = session
  const { queue } = flags
  return withDataRunner(session, flags, async (open) => {
    if (queue !== undefined) assertQueues([queue], await knownQueues(open))
    const nodes = await open.runner.nodes({ queue })
    terminal.printJson({ nodes: nodes.map(withoutFlow) })
    if (nodes.length === 0) {
      terminal.say(queue === undefined ? 'no node is running' : `no node serves queue "${queue}"`)
      return EXIT.ok
    }
    const now = session.clock.now()
    terminal.print(...nodeTable(nodes, now, terminal))
    if (flags.consumers === true) terminal.print('', ...consumerTable(nodes, now, terminal))
    return EXIT.ok
  })
}

/** The stages are what `millrace flow` shows. */
function withoutFlow(node: NodeInfo): Omit<NodeInfo, 'flow'> {
  const { flow: _flow, ...rest } = node
  return rest
}

function nodeTable(nodes: readonly NodeInfo[], now: number, terminal: Terminal): string[] {
  const { colors } = terminal
  const right = { align: 'right' as const }
  const columns: Column[] = [
    { title: 'NODE' },
    { title: 'STATE', paint: (cell) => (cell.startsWith('dead') ? colors.red(cell) : cell) },
    { title: 'HOST' },
    { title: 'PID', ...right },
    { title: 'UP', ...right },
    { title: 'BEAT', ...right },
    { title: 'BUSY', ...right },
    { title: 'DONE', ...right },
    { title: 'FAILED', ...right },
    { title: 'MEMORY', ...right },
    { title: 'LAG', ...right },
    { title: 'VERSION' },
    { title: 'NOTE' },
  ]
  const rows = nodes.map((node) => {
    const { consumers, state } = node
    // What a dead one did is not known any more.
    const sum = (of: (consumer: NodeInfo['consumers'][number]) => number): string =>
      state === 'dead' ? '-' : String(consumers.reduce((total, consumer) => total + of(consumer), 0))
    return [
      node.id.slice(0, SHOWN_ID),
      state,
      node.host,
      String(node.pid),
      durationText(now - node.startedAt.getTime()),
      durationText(now - node.beatAt.getTime()),
      state === 'dead' ? '-' : `${sum(({ job }) => (job === undefined ? 0 : 1))}/${consumers.length}`,
      sum(({ done }) => done),
      sum(({ failed }) => failed),
      node.memoryBytes === null ? '-' : `${Math.round(node.memoryBytes / 1_048_576)} MB`,
      node.loopLagMs === null ? '-' : durationText(node.loopLagMs),
      node.version,
      noteOf(node, nodes, now),
    ]
  })
  return formatTable(columns, rows, { width: terminal.width, paintHeader: colors.dim })
}

function noteOf({ state, order, rescued }: NodeInfo, nodes: readonly NodeInfo[], now: number): string {
  if (order !== null) return order.isObeyed ? order.wanted : `told to ${order.wanted === 'quiet' ? 'be quiet' : 'stop'}`
  if (rescued === null) return state === 'dead' ? 'nobody has freed its jobs yet' : ''
  const { requeued, failed, cancelled, by, at } = rescued
  const rescuer = nodes.find(({ id }) => id === by)
  const who = by === null ? '' : ` by ${by.slice(0, SHOWN_ID)}${rescuer === undefined ? '' : ` (${rescuer.host})`}`
  const ended = failed + cancelled
  return `${requeued} ${requeued === 1 ? 'job' : 'jobs'} rescued${who}${ended === 0 ? '' : `, ${ended} ended`}, ${relativeText(at.getTime(), now)}`
}

function consumerTable(nodes: readonly NodeInfo[], now: number, terminal: Terminal): string[] {
  const right = { align: 'right' as const }
  const columns: Column[] = [
    { title: 'NODE' },
    { title: 'QUEUE' },
    { title: 'UP', ...right },
    { title: 'DONE', ...right },
    { title: 'FAILED', ...right },
    { title: 'LAST JOB' },
    { title: 'RUNS' },
  ]
  const rows = nodes.flatMap(({ id, consumers }) =>
    consumers.map(({ queue, startedAt, done, failed, lastJobAt, job }) => [
      id.slice(0, SHOWN_ID),
      queue,
      durationText(now - startedAt.getTime()),
      String(done),
      String(failed),
      lastJobAt === null ? '-' : relativeText(lastJobAt.getTime(), now),
      job ?? '-',
    ]),
  )
  return formatTable(columns, rows, { width: terminal.width, paintHeader: terminal.colors.dim })
}
