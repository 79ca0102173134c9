/** What is measured: pipelines of three shapes, each with three demands. */

/** A pipeline that counts: `steps` in a row each add 1 to every event, `consumers` share the events and add them up. */
export interface Topology {
  /** For `--only`. */
  readonly name: string
  readonly title: string
  readonly steps: number
  readonly consumers: number
}

export const topologies: readonly Topology[] = [
  { name: 'direct', title: 'producer → consumer', steps: 0, consumers: 1 },
  { name: 'chain', title: 'producer → 2 producer-consumers in a row → consumer', steps: 2, consumers: 1 },
  { name: 'spread', title: 'producer → 4 consumers, each event to one of them', steps: 0, consumers: 4 },
]

export const maxDemands = [1_000, 10, 1] as const

/** One figure of the table. */
export interface Cell {
  readonly topology: Topology
  readonly maxDemand: number
}

/** The cell's name in the results. */
export function labelOf({ topology, maxDemand }: Cell): string {
  return `${topology.name}, ${maxDemand}`
}
