/**
 * Where a pipeline is held up, by rule, from one picture of it. Pure. The first rule that holds decides:
 *
 *     1 a stage is busy 80 % of the time or more            the busiest one
 *     2 the callbacks of all together use the thread as much  the stage that uses it most
 *     3 a producer accumulates what is asked of it          that producer
 *     4 a consumer asks for nothing                         that consumer
 *     5 events wait before a stage that nobody subscribes to  that stage
 *
 * Otherwise nothing holds the pipeline up. The sources may still be slower than what comes after them: that is no bottleneck of
 * the pipeline, but where to look next.
 */

import { count, events, list, percent, waitingEvents } from './flow-words.ts'
import { pipelinesOf, type Pipeline } from './pipelines.ts'
import type { StageName, StageSnapshot, SubscriptionSnapshot, SystemSnapshot } from './snapshot.ts'
import { labelsOf, type Labels } from './stage-label.ts'

/** From here on a stage, or the thread, counts as busy all the time. */
const SATURATED_SHARE = 0.8
/** How many stages a sentence names before it counts the rest. */
const MOST_NAMES = 3

/** What holds a pipeline up. */
export interface Bottleneck {
  readonly stage: StageName
  /** A sentence that names the stage and says why it is the one. */
  readonly reason: string
}

/** What is to be said of a pipeline. */
export interface Verdict {
  /** Absent when nothing holds the pipeline up. */
  readonly stage: StageSnapshot | undefined
  readonly sentence: string
}

/**
 * Names the stage that holds the events up, or answers null when none does: the pipeline is as fast as its sources then. With
 * several pipelines in the system, it is the busiest of their bottlenecks.
 */
export function bottleneck(snapshot: SystemSnapshot): Bottleneck | null {
  const labels = labelsOf(snapshot.stages)
  const found = pipelinesOf(snapshot.stages).flatMap((pipeline) => {
    const { stage, sentence } = verdictOn(pipeline, labels)
    return stage === undefined ? [] : [{ stage, reason: sentence }]
  })
  const [worst] = found.toSorted((one, other) => other.stage.busyShare - one.stage.busyShare)
  if (worst === undefined) return null
  const { id, name, child } = worst.stage
  const stage = { id, ...(name === undefined ? {} : { name }), ...(child === undefined ? {} : { child }) }
  return { stage, reason: worst.reason }
}

/** Judges one pipeline. */
export function verdictOn(pipeline: Pipeline, labels: Labels): Verdict {
  const judge = new Judge(pipeline, labels)
  for (const rule of RULES) {
    const found = rule(judge)
    if (found === undefined) continue
    const [stage, reasons] = found
    return { stage, sentence: `${judge.title(stage)} is the bottleneck: ${list(reasons)}.` }
  }
  return { stage: undefined, sentence: `No bottleneck: ${judge.whyNone()}.` }
}

/** Answers the stage and what speaks against it. */
type Rule = (judge: Judge) => readonly [StageSnapshot, readonly string[]] | undefined

const busyAllTheTime: Rule = (judge) => {
  const stage = largest(judge.stages, ({ busyShare }) => busyShare)
  if (stage === undefined || stage.busyShare < SATURATED_SHARE) return undefined
  const busy = `it is busy ${percent(stage.busyShare)} of the time`
  return [stage, [busy, ...judge.likes(stage), ...judge.before(stage), ...judge.after(stage)]]
}

const usingTheThread: Rule = (judge) => {
  const usedShare = judge.stages.reduce((sum, stage) => sum + threadShare(stage), 0)
  const stage = largest(judge.stages, threadShare)
  if (stage === undefined || usedShare < SATURATED_SHARE) return undefined
  const used = `its callbacks use the thread ${percent(threadShare(stage))} of the time`
  return [stage, [used, `those of the whole pipeline ${percent(Math.min(1, usedShare))}`]]
}

const accumulating: Rule = ({ stages }) => {
  const stage = stages.find(({ state, demand, held }) => state === 'accumulating' && demand + held > 0)
  if (stage === undefined) return undefined
  const { demand, held } = stage
  const kept = [...(demand > 0 ? [`a demand of ${count(demand)}`] : []), ...(held > 0 ? [events(held)] : [])]
  return [stage, [`it holds ${list(kept)} until its demand mode is \`forward\``]]
}

const askingForNothing: Rule = (judge) => {
  const stage = judge.stages.find(({ state }) => state === 'notAsking')
  if (stage === undefined) return undefined
  const why =
    stage.children === undefined
      ? 'it has handled all it was sent and asks for no more'
      : `${count(stage.children)} of its children run, and it asks for no more before they end`
  const waiting = judge.waitingBefore(stage)
  return [stage, [waiting === 0 ? why : `${why}; ${waitingEvents(waiting)} before it`]]
}

const withoutConsumers: Rule = (judge) => {
  const stage = judge.stages.find(
    (one) => one.kind === 'producerConsumer' && one.consumers === 0 && judge.waitingBefore(one) + one.buffered > 0,
  )
  if (stage === undefined) return undefined
  const waiting = judge.waitingBefore(stage)
  const where = waiting > 0 ? `${waitingEvents(waiting)} before it` : `${waitingEvents(stage.buffered)} in its buffer`
  return [stage, ['nobody is subscribed to it', where]]
}

const RULES: readonly Rule[] = [busyAllTheTime, usingTheThread, accumulating, askingForNothing, withoutConsumers]

/** One pipeline, and what can be said of its stages. */
class Judge {
  readonly stages: readonly StageSnapshot[]
  readonly #edges: Pipeline['edges']
  readonly #labels: Labels

  constructor({ stages, edges }: Pipeline, labels: Labels) {
    this.stages = stages
    this.#edges = edges
    this.#labels = labels
  }

  title({ id }: StageSnapshot): string {
    return `\`${this.#labels.get(id) ?? `#${id}`}\``
  }

  /** Events on their way to a stage: sent to it and not handled, or in a buffer of one of its producers. */
  waitingBefore({ subscriptions }: StageSnapshot): number {
    const sent = subscriptions.reduce((sum, { waiting }) => sum + waiting, 0)
    return this.#producersOf(subscriptions).reduce((sum, { buffered }) => sum + buffered, sent)
  }

  /** The others that share the work, and are as busy. */
  likes(stage: StageSnapshot): readonly string[] {
    const producers = new Set(stage.subscriptions.map(({ producer: { id } }) => id))
    const likes = this.stages.filter(
      (other) =>
        other !== stage &&
        other.busyShare >= SATURATED_SHARE &&
        other.subscriptions.some(({ producer: { id } }) => producers.has(id)),
    )
    if (likes.length === 0) return []
    return [`so ${likes.length === 1 ? 'is' : 'are'} ${this.#names(likes)} beside it`]
  }

  before(stage: StageSnapshot): readonly string[] {
    const { subscriptions } = stage
    if (subscriptions.length === 0) return []
    const unmet = subscriptions.reduce((sum, one) => sum + one.unmet, 0)
    const isOne = this.#producersOf(subscriptions).length < 2
    const demand = `${isOne ? 'its producer has' : 'its producers have'} ${count(unmet)} demand left`
    const waiting = this.waitingBefore(stage)
    return waiting === 0 ? [demand] : [demand, `${waitingEvents(waiting)} before it`]
  }

  after({ id }: StageSnapshot): readonly string[] {
    const unmet = (this.#edges.get(id) ?? []).reduce((sum, one) => sum + one.unmet, 0)
    return unmet === 0 ? [] : [`its consumers wait for ${events(unmet)}`]
  }

  whyNone(): string {
    const unsubscribed = this.stages.filter(({ kind, consumers }) => isEmitter(kind) && consumers === 0)
    const sinks = this.stages.filter(({ kind }) => !isEmitter(kind))
    if (sinks.length === 0 && unsubscribed.length > 0) return `nobody is subscribed to ${this.#names(unsubscribed)}`
    const lost = sinks.filter(({ subscriptions }) => subscriptions.length === 0)
    if (lost.length > 0) return `${this.#names(lost)} ${lost.length === 1 ? 'is' : 'are'} subscribed to nobody`
    const sources = this.stages.filter(({ kind }) => kind === 'producer')
    const dry = sources.filter(({ state, demand }) => state === 'waitingForEvents' && demand > 0)
    if (dry.length > 0 && sinks.every(({ state }) => state === 'waitingForEvents')) {
      const [verb, noun] = dry.length === 1 ? ['is', 'source'] : ['are', 'sources']
      return `all consumers wait for events; the ${noun} ${this.#names(dry)} ${verb} the slowest`
    }
    const busiest = largest(this.stages, ({ busyShare }) => busyShare)
    const share = busiest?.busyShare ?? 0
    return `no stage is busy more than ${percent(share)} of the time`
  }

  #names(stages: readonly StageSnapshot[]): string {
    const titles = stages.slice(0, MOST_NAMES).map((stage) => this.title(stage))
    const left = stages.length - titles.length
    return list(left === 0 ? titles : [...titles, `${count(left)} more`])
  }

  #producersOf(subscriptions: readonly SubscriptionSnapshot[]): readonly StageSnapshot[] {
    const ids = new Set(subscriptions.map(({ producer: { id } }) => id))
    return this.stages.filter(({ id }) => ids.has(id))
  }
}

function isEmitter(kind: StageSnapshot['kind']): boolean {
  return kind === 'producer' || kind === 'producerConsumer'
}

/** The share of time in which its callbacks kept everybody else waiting. */
function threadShare({ busyShare, awaitingShare }: StageSnapshot): number {
  return busyShare - awaitingShare
}

function largest(
  stages: readonly StageSnapshot[],
  measure: (stage: StageSnapshot) => number,
): StageSnapshot | undefined {
  return stages.toSorted((one, other) => measure(other) - measure(one))[0]
}
