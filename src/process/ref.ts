/** What the outside holds of a process: a handle that stays valid, and harmless, after the process is gone. */

import { checkCallOptions, type CallOptions } from './call.ts'
import type { ExitReason } from './exit-reason.ts'
import type { Process } from './process.ts'
import type { Runtime } from './runtime.ts'

/** A running process, or what is left of one. Every function but `call` is harmless when the process is gone. */
export interface ProcessRef extends AsyncDisposable {
  /** Unique within its system; a restarted process has a new one. */
  readonly id: number
  /** The name it was started under. */
  readonly name: string | undefined
  /** What runs: a kind of stage, or `supervisor`. */
  readonly kind: string
  readonly isAlive: boolean
  /**
   * Asks the process and resolves with its answer.
   *
   * @param options How long to wait in milliseconds, `Infinity` for as long as the process lives; or the same with a signal that
   *   ends the waiting. Default: 5000. A later answer is dropped.
   * @throws ExitError when the process ends before it answers or is gone already; `ERR_CALL_TIMEOUT` when time is up; the reason
   *   of a signal that is aborted; `ERR_BAD_OPTIONS`.
   */
  call(message: unknown, options?: number | CallOptions): Promise<unknown>
  /** Sends a message for `handleCast`. */
  cast(message: unknown): void
  /** Sends a message for `handleInfo`, past the buffer. */
  info(message: unknown): void
  /** Ends the process after the mail it has, running `terminate`; resolves when it is gone. Default: `normal`. */
  stop(reason?: ExitReason): Promise<void>
  /** Ends the process at once: mail is dropped, `terminate` does not run, a running callback's result is ignored. */
  kill(): void
  /**
   * Calls `callback` once when the process is gone, with `noproc` if it is gone already.
   *
   * @returns Stops monitoring.
   */
  monitor(callback: (reason: ExitReason) => void): () => void
}

/** The implementation behind every ref. */
export class ProcessHandle implements ProcessRef {
  /** @internal */
  readonly process: Process
  /** @internal Where it runs. */
  readonly runtime: Runtime

  constructor(runtime: Runtime, process: Process) {
    this.runtime = runtime
    this.process = process
  }

  get id(): number {
    return this.process.id
  }

  get name(): string | undefined {
    return this.process.name
  }

  get kind(): string {
    return this.process.kind
  }

  get isAlive(): boolean {
    return this.process.isAlive
  }

  async call(message: unknown, options?: number | CallOptions): Promise<unknown> {
    checkCallOptions(options)
    return this.process.ask((from) => ({ type: 'call', message, from }), options)
  }

  cast(message: unknown): void {
    this.process.send({ type: 'cast', message })
  }

  info(message: unknown): void {
    this.process.send({ type: 'info', message })
  }

  stop(reason: ExitReason = 'normal'): Promise<void> {
    return this.process.stop(reason)
  }

  kill(): void {
    this.process.kill()
  }

  monitor(callback: (reason: ExitReason) => void): () => void {
    let isWanted = true
    const unwatch = this.process.watch((reason) => {
      // In its own turn of the run queue: a death may happen in the middle of somebody's callback.
      this.runtime.scheduler.post(() => {
        if (isWanted) this.#notify(callback, reason)
      })
    })
    return () => {
      isWanted = false
      unwatch()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop('shutdown')
  }

  #notify(callback: (reason: ExitReason) => void, reason: ExitReason): void {
    try {
      callback(reason)
    } catch (error) {
      this.process.log('error', 'monitor_callback_threw', [error])
    }
  }
}

/** The system that a ref belongs to. */
export function runtimeOf(ref: ProcessRef): Runtime {
  // As in `processOf`.
  return (ref as ProcessHandle).runtime
}

/** The process behind a ref. */
export function processOf(ref: ProcessRef): Process {
  // Every ref that exists was made from a ProcessHandle; ProcessRef is an interface only to hide what is inside.
  return (ref as ProcessHandle).process
}
