/** Descriptions of what can be started, as everybody sees them and as the runtime does. */

import type { Behaviour, Process } from './process.ts'
import type { ProcessHandle, ProcessRef } from './ref.ts'
import type { Runtime } from './runtime.ts'

declare const refType: unique symbol

/** What can be started, any number of times; each start begins with fresh state. */
export interface Definition<Ref extends ProcessRef = ProcessRef> {
  /** What runs when it is started: a kind of stage, or `supervisor`. */
  readonly kind: string
  /** Never set; carries the type of the ref that a start answers. */
  readonly [refType]?: Ref
}

/** What a definition makes for each start. */
export interface Spawned {
  readonly behaviour: Behaviour
  readonly ref: ProcessRef
}

/** A definition as the runtime sees it. */
export interface Spawnable {
  readonly kind: string
  /** Whether it needs the ends of linked processes as messages, whatever the start says by default. */
  readonly trapsExits?: boolean
  /** Makes the behaviour of a new process; must not throw. */
  spawn(runtime: Runtime, process: Process, handle: ProcessHandle): Spawned
}

/** Whether `value` is something that this package made to be started. */
export function isDefinition(value: unknown): value is Definition {
  return typeof value === 'object' && value !== null && 'spawn' in value && typeof value.spawn === 'function'
}
