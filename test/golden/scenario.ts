/** The shape of the recorded files; `traces/README.md` says what each part means. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export type Entry = readonly unknown[]

export interface StepTrace {
  readonly result?: unknown
  readonly log: Readonly<Record<string, readonly Entry[]>>
}

export interface SubscribeToSpec {
  readonly to: string
  readonly as: string
  readonly options?: Readonly<Record<string, unknown>>
}

export interface StageSpec {
  readonly name: string
  readonly kind: string
  readonly behaviour: Readonly<Record<string, unknown>>
  readonly options: Readonly<Record<string, unknown>>
  /** Of an enumerable. */
  readonly items?: readonly unknown[]
}

export type Step = Readonly<Record<string, unknown>> & { readonly do: string }

export type MatchRule = 'concat' | 'union' | 'sorted' | 'noExit' | 'ignore'

export interface Scenario {
  readonly id: string
  readonly group: string
  readonly title: string
  readonly match?: Readonly<Record<string, MatchRule>>
  readonly stages: readonly StageSpec[]
  readonly steps: readonly Step[]
  readonly trace: readonly StepTrace[]
  readonly alt?: readonly StepTrace[]
}

const FOLDER = fileURLToPath(new URL('traces/', import.meta.url))

/** The scenarios of a folder. Default: those of this repository. */
export function readScenarios(folder: string = FOLDER): readonly Scenario[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.json'))
  return files.sort().map((file) => JSON.parse(readFileSync(join(folder, file), 'utf8')) as Scenario)
}
