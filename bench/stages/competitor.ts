/** Who is measured, as programs to run: a library in Node by child.ts, GenStage by genstage.exs. */

import type { Cell } from './cell.ts'

/** A contender as the harness sees it. */
export interface Competitor {
  readonly name: string
  readonly versions: readonly string[]
  readonly settings: string
  /** Why it cannot do a topology, by the name of that. */
  readonly cannot: Readonly<Record<string, string>>
  /** The program that measures a cell and prints `{"events":…,"cpuMs":…}`. */
  program(cell: Cell, options: ProgramOptions): Program
}

/** How a cell is to be measured. */
export interface ProgramOptions {
  /** About how much processor time the measured run takes, in milliseconds. */
  readonly cpuMs: number
  /** A folder for CPU profiles. */
  readonly profiles: string | undefined
}

/** A program with its arguments. */
export interface Program {
  readonly file: string
  readonly args: readonly string[]
}

/** A contender without figures of this run. */
export interface Absent {
  readonly name: string
  readonly reason: string
}
