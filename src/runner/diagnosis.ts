/** What is wrong with the workers of a database: a pure judgement over what the store knows of its nodes and queues. */

import type { Processes } from '../host/processes.ts'
import type { Finding, NodeRecord, QueueRecord } from '../store/store.ts'
import { isSilent } from './node-view.ts'

/** What the judgement is made from. */
export interface WorkerFacts {
  readonly nodes: readonly NodeRecord[]
  readonly queues: readonly QueueRecord[]
  /** Whose process table can be looked at. */
  readonly processes: Processes
}

/** How many nodes or queues a sentence names. */
const MOST_NAMED = 5

/** Judges nodes and queues. */
export function diagnoseWorkers({ nodes, queues, processes }: WorkerFacts): readonly Finding[] {
  const dead = nodes.filter(({ isDead }) => isDead)
  const silent = nodes.filter((node) => !node.isDead && isSilent(node, processes))
  const alive = nodes.filter((node) => !node.isDead && !isSilent(node, processes))
  return [...nodeFindings({ alive, dead, silent }), ...queueFindings(queues, alive)]
}

function nodeFindings(groups: {
  readonly alive: readonly NodeRecord[]
  readonly dead: readonly NodeRecord[]
  readonly silent: readonly NodeRecord[]
}): Finding[] {
  const { alive, dead, silent } = groups
  const findings: Finding[] = []
  if (dead.length > 0) {
    findings.push({
      check: 'nodes',
      level: 'problem',
      found: `${countOf(dead.length, 'worker')} died in the last hour without a goodbye: ${listOf(dead.map(nameOf))}`,
      advice: 'look in their logs for a crash or a kill; their jobs were given to others',
    })
  }
  if (silent.length > 0) {
    findings.push({
      check: 'nodes',
      level: 'problem',
      found: `${countOf(silent.length, 'worker')} ${silent.length === 1 ? 'is' : 'are'} gone or silent, and nobody has taken over yet: ${listOf(silent.map(nameOf))}`,
      advice: 'start a worker with `millrace start`: it takes over their jobs within seconds',
    })
  }
  if (alive.length === 0) {
    findings.push({
      check: 'nodes',
      level: 'warning',
      found: 'no worker is running',
      advice: 'start one with `millrace start` or `runner.start()`',
    })
  } else if (findings.length === 0) {
    findings.push({
      check: 'nodes',
      level: 'ok',
      found: `${countOf(alive.length, 'worker')} alive: ${listOf(alive.map(nameOf))}`,
      advice: null,
    })
  }
  return findings
}

function queueFindings(queues: readonly QueueRecord[], alive: readonly NodeRecord[]): Finding[] {
  const served = new Set(alive.flatMap((node) => node.queues))
  const waiting = queues.filter(({ depth }) => depth > 0)
  const unserved = waiting.filter(({ name }) => !served.has(name))
  if (unserved.length === 0) {
    const found = waiting.length === 0 ? 'no job waits' : 'every queue in which jobs wait has a worker'
    return [{ check: 'queues', level: 'ok', found, advice: null }]
  }
  return [
    {
      check: 'queues',
      level: 'problem',
      found: `jobs wait where no worker serves: ${listOf(unserved.map(({ name, depth }) => `"${name}" (${depth})`))}`,
      advice: 'start a worker that serves these queues: `millrace start`, without or with them in its --queues',
    },
  ]
}

function nameOf({ host, pid }: NodeRecord): string {
  return `${host} (pid ${pid})`
}

function listOf(names: readonly string[]): string {
  const rest = names.length - MOST_NAMED
  return `${names.slice(0, MOST_NAMED).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
