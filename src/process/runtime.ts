/**
 * One system of processes: starts them, knows them by name and by definition, stops them.
 *
 * Roots are the processes that nobody supervises, oldest first; they are stopped newest first, each one awaited.
 *
 *     open ── stop ──▶ stopping ── every root gone ──▶ stopped
 *
 * Nothing starts once stopping began. A crash of a root ends that root and whoever is linked to it, never the system.
 */

import { RunnerError } from '../host/errors.ts'
import type { Host } from '../host/host.ts'
import { isDefinition, type Definition, type Spawnable } from './definition.ts'
import { ExitError } from './exit-reason.ts'
import { notAName, refuse, shown, unknownOptions } from './mistakes.ts'
import { Process } from './process.ts'
import { ProcessHandle, type ProcessRef } from './ref.ts'
import { Registry } from './registry.ts'
import { Scheduler } from './scheduler.ts'

/** Options of a start. */
export interface StartOptions {
  /** The name to be found under; free again when the process is gone. */
  readonly name?: string | undefined
  /** Whether exits of linked processes arrive as messages, and a supervisor's shutdown waits for `terminate`. Default: `false`. */
  readonly trapExits?: boolean | undefined
  /**
   * Aborting it ends the process after the mail it has, with `shutdown`; one that is still starting is given up, and the start
   * rejects with the signal's reason.
   */
  readonly signal?: AbortSignal | undefined
}

/** A process in the supervision tree, as plain data. */
export interface ProcessNode {
  readonly id: number
  /** The id in its supervisor's list. */
  readonly child?: string
  readonly name?: string
  readonly kind: string
  readonly state: string
  /** How often its supervisor restarted it; of a supervisor at the top, always 0. */
  readonly restarts: number
  /** Of a supervisor. */
  readonly strategy?: string
  readonly children?: readonly ProcessNode[]
}

/** How long a root that is no supervisor may take to stop, in milliseconds, before it is killed. */
const ROOT_SHUTDOWN_MS = 5000

/** The processes of one system. */
export class Runtime {
  readonly host: Host
  readonly scheduler: Scheduler
  readonly registry: Registry = new Registry()
  readonly #roots = new Set<Process>()
  #lastId = 0
  #stopping: Promise<void> | undefined

  constructor(host: Host) {
    this.host = host
    this.scheduler = new Scheduler(host.clock)
  }

  /** Makes a number that nothing else in this system has. */
  nextId(): number {
    this.#lastId++
    return this.#lastId
  }

  /**
   * Starts a process and resolves when it is up.
   *
   * @param parent The supervisor; linked to the new process.
   * @throws As a rejection: what the start threw; ExitError when the process ended while starting; `ERR_NAME_TAKEN`;
   *   `ERR_SYSTEM_STOPPED`; `ERR_BAD_OPTIONS`.
   */
  start<Ref extends ProcessRef>(
    definition: Definition<Ref>,
    options: StartOptions = {},
    parent?: Process,
  ): Promise<Ref> {
    const { signal } = options
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted()
      checkStart(definition, options)
      if (this.#stopping !== undefined) {
        throw new RunnerError('ERR_SYSTEM_STOPPED', `cannot start a ${definition.kind}: the system was stopped`)
      }
      // Definitions are made by this package's functions only, and those make them spawnable.
      const spawnable = definition as unknown as Spawnable
      const process = new Process(this.host, this.scheduler, {
        id: this.nextId(),
        kind: definition.kind,
        name: options.name,
        trapExits: options.trapExits ?? (spawnable.trapsExits === true || definition.kind === 'supervisor'),
        parent,
      })
      this.registry.enter(process, definition)
      if (parent === undefined) this.#roots.add(process)
      let isStarted = false
      process.watch((reason) => {
        this.registry.leave(process, definition)
        this.#roots.delete(process)
        if (isStarted) return
        if (signal?.aborted === true) reject(signal.reason)
        else reject(reason instanceof Error ? reason : new ExitError(process.title, reason))
      })
      if (signal !== undefined) endOnAbort(process, signal)
      if (parent !== undefined) process.link(parent)
      const { behaviour, ref } = spawnable.spawn(this, process, new ProcessHandle(this, process))
      process.begin(behaviour, ref, () => {
        isStarted = true
        // A definition's phantom type says which ref its spawn makes.
        resolve(ref as Ref)
      })
    })
  }

  /** A process that never lived, to stand for one that was looked for and not found. */
  absent(kind: string, name: string | undefined): Process {
    const options = { id: this.nextId(), kind, name, trapExits: false, parent: undefined }
    const process = new Process(this.host, this.scheduler, options)
    process.kill()
    return process
  }

  /** The supervision tree: roots in the order of their start. */
  inspect(): readonly ProcessNode[] {
    return [...this.#roots].map((process) => nodeOf(process, { restarts: 0 }))
  }

  /** Stops every root, newest first; safe to call again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stopRoots()
    return this.#stopping
  }

  async #stopRoots(): Promise<void> {
    for (const root of [...this.#roots].reverse()) {
      // One after the other is the point: what was started later may need what was started earlier.
      await this.#stopRoot(root)
    }
  }

  async #stopRoot(root: Process): Promise<void> {
    const isSupervisor = root.kind === 'supervisor'
    const timer = isSupervisor ? undefined : this.host.clock.after(ROOT_SHUTDOWN_MS, () => root.kill())
    await root.stop('shutdown')
    timer?.cancel()
  }
}

const START_OPTIONS = ['name', 'trapExits', 'signal']

function checkStart(definition: unknown, options: StartOptions): void {
  refuse('a start', [
    ...(isDefinition(definition) ? [] : [`expected a definition, got ${shown(definition)}`]),
    ...unknownOptions('a start', options, START_OPTIONS),
    ...notAName('name', options.name),
  ])
}

function endOnAbort(process: Process, signal: AbortSignal): void {
  const end = (): void => {
    if (process.state === 'starting') process.kill()
    else process.requestStop('shutdown')
  }
  signal.addEventListener('abort', end, { once: true })
  process.watch(() => signal.removeEventListener('abort', end))
}

function nodeOf(process: Process, place: { readonly child?: string; readonly restarts: number }): ProcessNode {
  const supervision = process.behaviour?.inspect?.()
  return {
    id: process.id,
    ...place,
    ...(process.name === undefined ? {} : { name: process.name }),
    kind: process.kind,
    state: process.state,
    ...(supervision === undefined
      ? {}
      : {
          strategy: supervision.strategy,
          children: supervision.children.flatMap(({ id, process: child, restarts }) =>
            child === undefined ? [] : [nodeOf(child, { child: id, restarts })],
          ),
        }),
  }
}
