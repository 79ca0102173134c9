/** What the processes of the load say to each other. */

import type { RunnerEvents } from '../../src/index.ts'
import type { InstrumentPoint } from './open-telemetry.ts'

/** An event as a process of the load told it. */
export type ToldEvent = {
  readonly [Name in keyof RunnerEvents]: {
    /** Milliseconds since 1970 by the clock of the machine, which all processes share. */
    readonly at: number
    readonly event: Name
    readonly payload: RunnerEvents[Name]
  }
}[keyof RunnerEvents]

/** An event, and which node told it: `A`, `B`, …, or `parent`. */
export type NodeEvent = ToldEvent & { readonly node: string }

/** From a node. */
export type FromNode =
  | { readonly told: ToldEvent }
  | { readonly isReady: true; readonly metricsUrl: string }
  | { readonly isClosed: true; readonly points: readonly InstrumentPoint[] }

/** To a node: to end in good order. */
export type ToNode = 'close'
