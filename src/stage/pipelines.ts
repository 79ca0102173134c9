/** The shape of a stage graph: which stages hang together, and in which order events pass them. Pure. */

import type { StageSnapshot, SubscriptionSnapshot } from './snapshot.ts'

/** Stages that are connected by subscriptions, sources first. */
export interface Pipeline {
  readonly stages: readonly StageSnapshot[]
  /** The subscriptions to each producer, by its id, in the order of their consumers. */
  readonly edges: ReadonlyMap<number, readonly SubscriptionSnapshot[]>
}

/** The pipelines of a system: in the order of their oldest stages. */
export function pipelinesOf(stages: readonly StageSnapshot[]): readonly Pipeline[] {
  const left = new Map(stages.map((stage) => [stage.id, stage]))
  const neighbours = neighboursOf(stages)
  const pipelines: Pipeline[] = []
  for (const { id } of stages) {
    const members: StageSnapshot[] = []
    const reached = [id]
    for (let next = reached.pop(); next !== undefined; next = reached.pop()) {
      const stage = left.get(next)
      if (stage === undefined) continue
      left.delete(next)
      members.push(stage)
      reached.push(...(neighbours.get(next) ?? []))
    }
    if (members.length > 0) pipelines.push(pipelineOf(members))
  }
  return pipelines
}

function neighboursOf(stages: readonly StageSnapshot[]): ReadonlyMap<number, readonly number[]> {
  const neighbours = new Map<number, number[]>()
  const connect = (from: number, to: number): void => {
    const others = neighbours.get(from)
    if (others === undefined) neighbours.set(from, [to])
    else others.push(to)
  }
  for (const { id, subscriptions } of stages) {
    for (const { producer } of subscriptions) {
      connect(id, producer.id)
      connect(producer.id, id)
    }
  }
  return neighbours
}

function pipelineOf(members: readonly StageSnapshot[]): Pipeline {
  const depths = depthsOf(members)
  const depthOf = ({ id }: StageSnapshot): number => depths.get(id) ?? 0
  const stages = members.toSorted((one, other) => depthOf(one) - depthOf(other) || one.id - other.id)
  const edges = new Map<number, SubscriptionSnapshot[]>(stages.map(({ id }) => [id, []]))
  for (const { subscriptions } of stages) {
    for (const subscription of subscriptions) edges.get(subscription.producer.id)?.push(subscription)
  }
  return { stages, edges }
}

/**
 * The length of the longest way from a source to each stage. Found by going over all subscriptions until nothing changes, at most
 * once for each stage: that ends also where stages are subscribed in a circle.
 */
function depthsOf(members: readonly StageSnapshot[]): ReadonlyMap<number, number> {
  const depths = new Map(members.map(({ id }) => [id, 0]))
  let isChanged = true
  for (let round = 0; isChanged && round < members.length; round++) {
    isChanged = false
    for (const { id, subscriptions } of members) {
      const depth = Math.max(0, ...subscriptions.map(({ producer }) => (depths.get(producer.id) ?? -1) + 1))
      if (depth <= (depths.get(id) ?? 0)) continue
      depths.set(id, depth)
      isChanged = true
    }
  }
  return depths
}
