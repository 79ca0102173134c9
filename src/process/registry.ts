/** Names of live processes, and which processes run a definition. A name is free again when its process is gone. */

import { RunnerError } from '../host/errors.ts'
import type { Process } from './process.ts'

/** Who runs under which name. */
export class Registry {
  readonly #byName = new Map<string, Process>()
  readonly #byDefinition = new Map<object, Set<Process>>()

  /** Enters a process; throws `ERR_NAME_TAKEN` when its name belongs to another one. */
  enter(process: Process, definition: object): void {
    const { name } = process
    if (name !== undefined) {
      if (this.#byName.has(name)) {
        throw new RunnerError('ERR_NAME_TAKEN', `the name "${name}" is taken by a running process; choose another`)
      }
      this.#byName.set(name, process)
    }
    const running = this.#byDefinition.get(definition)
    if (running === undefined) this.#byDefinition.set(definition, new Set([process]))
    else running.add(process)
  }

  /** Removes a process that is gone. */
  leave(process: Process, definition: object): void {
    if (process.name !== undefined) this.#byName.delete(process.name)
    const running = this.#byDefinition.get(definition)
    running?.delete(process)
    if (running?.size === 0) this.#byDefinition.delete(definition)
  }

  /** The process of that name. */
  named(name: string): Process | undefined {
    return this.#byName.get(name)
  }

  /** The processes that run a definition, oldest first. */
  running(definition: object): readonly Process[] {
    return [...(this.#byDefinition.get(definition) ?? [])]
  }

  /** Every process, oldest first within a definition. */
  *all(): Generator<Process> {
    for (const running of this.#byDefinition.values()) yield* running
  }
}
