/** The contract of a scenario: one thing to measure, alike for every contender. */

import type { Child } from './child/child.ts'
import type { Contender } from './contender.ts'
import type { Place, Server } from './servers/server.ts'

export interface Scenario {
  /** For `--only`. */
  readonly name: string
  readonly title: string
  /** How it is measured, for the reader of the report. */
  readonly about: string
  /** Names of the contenders, in the order of the table. */
  readonly contenders: readonly string[]
  /** The contender that ratios are against. */
  readonly reference: string
  readonly columns: readonly Column[]
  /** What is varied. One row of the table for each and each contender. */
  variants(isQuick: boolean): readonly string[]
  /** One run. Answers its figures by the columns' keys; what a contender does not have is left out. */
  measure(run: Run): Promise<Figures>
}

export type Figures = Readonly<Record<string, number>>

export interface Column {
  readonly key: string
  readonly title: string
  /** Decimals. Default: 0. */
  readonly digits?: number
  /** Whether 1 means yes and 0 no. */
  readonly isYesNo?: boolean
  /** Whether the ratio to the reference is printed beside it. */
  readonly hasRatio?: boolean
}

/** One run of one contender in a fresh place. */
export interface Run {
  readonly contender: Contender
  readonly variant: string
  readonly isQuick: boolean
  readonly server: Server
  readonly place: Place
  /** Starts a process with a session on the place. It is ended after the run at the latest. */
  spawn(): Promise<Child>
}

/** The first number of a variant's name: 2 of `2 workers`, 10,000 of `10,000 jobs`. */
export function numberIn(variant: string): number {
  return Number(/[\d,]+/.exec(variant)?.[0].replaceAll(',', ''))
}
