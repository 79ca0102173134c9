/**
 * A live picture of the stage graph, as plain data. Taking it costs a walk over the stages and touches none of them; what it shows
 * is kept by counters that are always on.
 */

import type { Process } from '../process/process.ts'
import type { ProcessNode } from '../process/runtime.ts'
import { ConsumerSupervisor } from './consumer-supervisor.ts'
import type { Counters, FlowHistory, Rates, Sample } from './flow-history.ts'
import { Stage } from './stage.ts'
import type { StageKind, StageRef } from './stage-ref.ts'
import type { SubscriptionLink } from './subscription-link.ts'

/** One end of a subscription. */
export interface StageName {
  readonly id: number
  readonly name?: string
  /** The id in its supervisor's list. */
  readonly child?: string
}

/** A subscription, shown with its consumer. */
export interface SubscriptionSnapshot {
  readonly id: number
  readonly producer: StageName
  readonly consumer: StageName
  readonly maxDemand: number
  readonly minDemand: number
  readonly cancel: string
  readonly mode: 'automatic' | 'manual'
  /** Events asked for that did not reach the consumer yet: those of `unmet`, and those in its mailbox. */
  readonly outstanding: number
  /** Events asked for that the producer has not sent yet. */
  readonly unmet: number
  /** Events that were sent and not handed to `handleEvents` yet. */
  readonly waiting: number
  /** Events that reached the consumer. */
  readonly received: number
  /** Events that reached the consumer, per second. */
  readonly eventsPerSecond: number
}

/**
 * What a stage does at this moment.
 *
 * - `starting`: its function has not returned, or its `subscribeTo` is not done.
 * - `working`: a callback runs, or its promise is awaited.
 * - `ready`: messages wait in its mailbox, and its turn comes.
 * - `waitingForEvents`: its consumers, or it itself, asked for more than there is. A producer waits for its source then.
 * - `waitingForDemand`: nobody downstream asks for anything; a producer-consumer may have events to work on.
 * - `notAsking`: it accepts events, has handled all it was sent, and asks for none. In manual mode that is the program's will; a
 *   consumer supervisor does so while as many children run as it may have.
 * - `accumulating`: a producer in the demand mode of that name; it holds demand and events.
 * - `stopping`: it was told to end, or crashed, and `terminate` runs.
 */
export type StageState =
  | 'starting'
  | 'working'
  | 'ready'
  | 'waitingForEvents'
  | 'waitingForDemand'
  | 'notAsking'
  | 'accumulating'
  | 'stopping'

/** One stage. */
export interface StageSnapshot extends StageName, Rates {
  readonly kind: StageKind
  readonly state: StageState
  /** Messages that wait; of a producer-consumer also those in its input queue. */
  readonly mailbox: number
  /** Whether a callback is running. */
  readonly busy: boolean
  /** Events in the buffer. */
  readonly buffered: number
  /** Events that fell out of the buffer. */
  readonly discarded: number
  /** Events that are held back by the demand mode `accumulate`. */
  readonly held: number
  /** Events that would go out at once: what the dispatcher still owes to consumers. */
  readonly demand: number
  /** How many stages are subscribed to it. */
  readonly consumers: number
  /** Events handed to `handleEvents`. */
  readonly eventsIn: number
  /** Events sent to consumers. */
  readonly eventsOut: number
  /** How often its supervisor restarted it. */
  readonly restarts: number
  /** Children that run; of a consumer supervisor. */
  readonly children?: number
  /** The stage's subscriptions to its producers. */
  readonly subscriptions: readonly SubscriptionSnapshot[]
}

/** What runs in a system, and how events flow. */
export interface SystemSnapshot {
  /** The supervision tree: first those that nobody supervises, in the order of their start. */
  readonly supervision: readonly ProcessNode[]
  readonly stages: readonly StageSnapshot[]
}

/** Takes the picture. `now` is the sample of this moment. */
export function takeSnapshot(
  processes: readonly Process[],
  supervision: readonly ProcessNode[],
  history: FlowHistory,
  now: Sample,
): SystemSnapshot {
  const nodes = new Map<number, ProcessNode>()
  collect(supervision, nodes)
  const view = new View(nodes, history, now)
  const stages = [...stagesAmong(processes)]
  const consumers = new Map<Process, number>()
  for (const { stage } of stages) {
    for (const { producerProcess } of stage.inlet?.subscriptions ?? []) {
      consumers.set(producerProcess, (consumers.get(producerProcess) ?? 0) + 1)
    }
  }
  return {
    supervision,
    stages: stages.map(({ process, stage }) => view.stage(process, stage, consumers.get(process) ?? 0)),
  }
}

/** Reads the counters of all stages and subscriptions. */
export function readCounters(processes: Iterable<Process>): ReadonlyMap<number, Counters> {
  const counters = new Map<number, Counters>()
  for (const { process, stage } of stagesAmong(processes)) {
    const { inlet, outlet } = stage
    counters.set(process.id, {
      eventsIn: inlet?.eventsIn ?? 0,
      eventsOut: outlet?.eventsOut ?? 0,
      busy: process.busy,
    })
    for (const { id, received } of inlet?.subscriptions ?? []) {
      counters.set(id, { eventsIn: received, eventsOut: 0, busy: IDLE })
    }
  }
  return counters
}

const IDLE = { busyMs: 0, awaitedMs: 0, awaitingSinceMs: undefined }

interface RunningStage {
  readonly process: Process
  readonly stage: Stage
}

function* stagesAmong(processes: Iterable<Process>): Generator<RunningStage> {
  for (const process of processes) {
    const { behaviour } = process
    if (behaviour instanceof Stage) yield { process, stage: behaviour }
    if (behaviour instanceof ConsumerSupervisor) yield { process, stage: behaviour.stage }
  }
}

function collect(nodes: readonly ProcessNode[], into: Map<number, ProcessNode>): void {
  for (const node of nodes) {
    into.set(node.id, node)
    if (node.children !== undefined) collect(node.children, into)
  }
}

/** What a picture is drawn from. */
class View {
  readonly #nodes: ReadonlyMap<number, ProcessNode>
  readonly #history: FlowHistory
  readonly #now: Sample

  constructor(nodes: ReadonlyMap<number, ProcessNode>, history: FlowHistory, now: Sample) {
    this.#nodes = nodes
    this.#history = history
    this.#now = now
  }

  stage(process: Process, stage: Stage, consumers: number): StageSnapshot {
    const { inlet, outlet, inputLength } = stage
    const subscriptions = [...(inlet?.subscriptions ?? [])].map((subscription) => this.#subscription(subscription))
    const node = this.#nodes.get(process.id)
    // The behaviour of a stage is started by a stage's definition only, and that names its kind.
    const kind = process.kind as StageKind
    return {
      ...this.#name(process),
      kind,
      state: stateOf(process, stage, subscriptions),
      mailbox: process.mailboxLength + inputLength,
      busy: process.isBusy,
      buffered: outlet?.buffered ?? 0,
      discarded: outlet?.discarded ?? 0,
      held: outlet?.heldEvents ?? 0,
      demand: outlet?.capacity ?? 0,
      consumers,
      eventsIn: inlet?.eventsIn ?? 0,
      eventsOut: outlet?.eventsOut ?? 0,
      ...this.#history.rates(process.id, process.bornMs, this.#now),
      restarts: node?.restarts ?? 0,
      ...(kind === 'consumerSupervisor' ? { children: node?.children?.length ?? 0 } : {}),
      subscriptions,
    }
  }

  #subscription(subscription: SubscriptionLink): SubscriptionSnapshot {
    const { id, producer, consumer, options, consumerSide, asked, sent, received, handled, bornMs } = subscription
    const { maxDemand, minDemand, cancel } = options
    return {
      id,
      producer: this.#name(producer),
      consumer: this.#name(consumer),
      maxDemand,
      minDemand,
      cancel,
      mode: consumerSide?.mode ?? 'automatic',
      outstanding: Math.max(0, asked - received),
      unmet: Math.max(0, asked - sent),
      waiting: sent - handled,
      received,
      eventsPerSecond: this.#history.rates(id, bornMs, this.#now).eventsInPerSecond,
    }
  }

  #name({ id, name }: Process | StageRef): StageName {
    const child = this.#nodes.get(id)?.child
    return { id, ...(name === undefined ? {} : { name }), ...(child === undefined ? {} : { child }) }
  }
}

function stateOf(process: Process, stage: Stage, subscriptions: readonly SubscriptionSnapshot[]): StageState {
  if (process.state === 'starting') return 'starting'
  if (process.isEnding) return 'stopping'
  if (process.isBusy) return 'working'
  if (process.mailboxLength > 0) return 'ready'
  const { outlet } = stage
  if (outlet?.mode === 'accumulate') return 'accumulating'
  if (outlet?.capacity === 0) return 'waitingForDemand'
  const isSilent = subscriptions.length > 0 && subscriptions.every(({ unmet, waiting }) => unmet === 0 && waiting === 0)
  return isSilent ? 'notAsking' : 'waitingForEvents'
}
