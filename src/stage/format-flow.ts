/**
 * A stage graph as text, for terminals and logs. Pure. Each pipeline is a table with its sources first; below a stage are the
 * subscriptions to it, each with a bar of the demand that is outstanding; below the table what holds the pipeline up.
 */

import { verdictOn } from './bottleneck.ts'
import { count, percent, rate } from './flow-words.ts'
import { pipelinesOf, type Pipeline } from './pipelines.ts'
import type { StageSnapshot, StageState, SubscriptionSnapshot, SystemSnapshot } from './snapshot.ts'
import { labelsOf, type Labels } from './stage-label.ts'

const BAR_LENGTH = 10

const STATES: Readonly<Record<StageState, string>> = {
  starting: 'starting',
  working: 'working',
  ready: 'ready',
  waitingForEvents: 'waiting for events',
  waitingForDemand: 'waiting for demand',
  notAsking: 'not asking',
  accumulating: 'accumulating',
  stopping: 'stopping',
}

/** A column: its head, what it shows of a stage, and whether that is a number. */
type Column = readonly [head: string, show: (stage: StageSnapshot, label: string) => string, isNumber?: boolean]

const COLUMNS: readonly Column[] = [
  ['stage', (_, label) => label],
  ['kind', ({ kind }) => kind],
  ['state', ({ state }) => STATES[state]],
  ['in/s', ({ kind, eventsInPerSecond }) => (kind === 'producer' ? '-' : rate(eventsInPerSecond)), true],
  ['out/s', ({ kind, eventsOutPerSecond }) => (emits(kind) ? rate(eventsOutPerSecond) : '-'), true],
  ['busy', ({ busyShare }) => percent(busyShare), true],
  ['mailbox', ({ mailbox }) => count(mailbox), true],
  ['buffered', ({ kind, buffered }) => (emits(kind) ? count(buffered) : '-'), true],
  ['restarts', ({ restarts }) => count(restarts), true],
]

/**
 * Renders what `system.inspect()` answered. Of each subscription it shows how many of its `maxDemand` events are outstanding, how
 * many wait at the consumer, and how many arrive per second. The last line of each pipeline names its bottleneck.
 */
export function formatFlow(snapshot: SystemSnapshot): string {
  const labels = labelsOf(snapshot.stages)
  const pipelines = pipelinesOf(snapshot.stages)
  if (pipelines.length === 0) return 'No stage runs.'
  return pipelines.map((pipeline) => formatPipeline(pipeline, labels)).join('\n\n')
}

function formatPipeline(pipeline: Pipeline, labels: Labels): string {
  const labelOf = (id: number): string => labels.get(id) ?? `#${id}`
  const rows = pipeline.stages.map((stage) => COLUMNS.map(([, show]) => show(stage, labelOf(stage.id))))
  const heads = COLUMNS.map(([head]) => head)
  const widths = heads.map((head, index) => Math.max(head.length, ...rows.map((row) => row[index]?.length ?? 0)))
  const lines = [tableLine(heads, widths)]
  pipeline.stages.forEach(({ id }, index) => {
    lines.push(tableLine(rows[index] ?? [], widths), ...edgeLines(pipeline.edges.get(id) ?? [], labelOf))
  })
  return [...lines, '', verdictOn(pipeline, labels).sentence].join('\n')
}

function tableLine(cells: readonly string[], widths: readonly number[]): string {
  const padded = cells.map((cell, index) => {
    const width = widths[index] ?? 0
    return COLUMNS[index]?.[2] === true ? cell.padStart(width) : cell.padEnd(width)
  })
  return padded.join('  ').trimEnd()
}

function edgeLines(edges: readonly SubscriptionSnapshot[], labelOf: (id: number) => string): readonly string[] {
  const names = edges.map(({ consumer }) => labelOf(consumer.id))
  const width = Math.max(0, ...names.map(({ length }) => length))
  return edges.map((edge, index) => {
    const { outstanding, maxDemand, waiting, eventsPerSecond, mode } = edge
    const branch = index === edges.length - 1 ? '└─▶' : '├─▶'
    const demand = `${count(outstanding)}/${count(maxDemand)} outstanding${mode === 'manual' ? ' (manual)' : ''}`
    const facts = [demand, ...(waiting > 0 ? [`${count(waiting)} at the consumer`] : []), `${rate(eventsPerSecond)}/s`]
    return `  ${branch} ${(names[index] ?? '').padEnd(width)}  ${bar(outstanding, maxDemand)} ${facts.join(', ')}`
  })
}

function bar(outstanding: number, maxDemand: number): string {
  const filled = Math.min(BAR_LENGTH, Math.ceil((outstanding / maxDemand) * BAR_LENGTH))
  return '█'.repeat(filled) + '░'.repeat(BAR_LENGTH - filled)
}

function emits(kind: StageSnapshot['kind']): boolean {
  return kind === 'producer' || kind === 'producerConsumer'
}
