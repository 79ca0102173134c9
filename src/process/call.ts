/** Questions between processes: one answer or one failure each, whatever comes first; what comes later is dropped. */

import type { Clock, Timer } from '../host/host.ts'
import { RunnerError } from '../host/errors.ts'
import { refuse, shown, unknownOptions } from './mistakes.ts'

/** How long a caller waits for an answer unless it says otherwise, in milliseconds. */
export const DEFAULT_CALL_TIMEOUT_MS = 5000

/** Options of a call. */
export interface CallOptions {
  /** How long to wait, in milliseconds; `Infinity` for as long as the process lives. Default: 5000. */
  readonly timeoutMs?: number | undefined
  /** Ends the waiting: the call then rejects with the signal's reason, and a later answer is dropped. */
  readonly signal?: AbortSignal | undefined
}

/** Throws `ERR_BAD_OPTIONS` for options that a call does not have. */
export function checkCallOptions(options: number | CallOptions = {}): void {
  const isList = typeof options === 'object' && options !== null
  const timeoutMs: unknown = isList ? (options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS) : options
  refuse('a call', [
    ...(isList ? unknownOptions('a call', options, ['timeoutMs', 'signal']) : []),
    ...(typeof timeoutMs === 'number' && timeoutMs >= 0
      ? []
      : [`timeoutMs must be a number >= 0, not ${shown(timeoutMs)}`]),
  ])
}

/** Somebody who waits for an answer. */
export interface Caller<Reply = unknown> {
  /** Answers. Only the first answer counts, and none counts after the caller's timeout. */
  reply(value: Reply): void
}

/** One open question. */
export class PendingCall implements Caller {
  /** Settles with the answer or the failure. */
  readonly answer: Promise<unknown>
  readonly #onSettled: (call: PendingCall) => void
  readonly #resolve: (value: unknown) => void
  readonly #reject: (error: unknown) => void
  readonly #timer: Timer | undefined
  #stopListening: (() => void) | undefined
  #isSettled = false

  /** @param onSettled Called once, as soon as nobody waits any more. */
  constructor(clock: Clock, whom: string, timeoutMs: number, onSettled: (call: PendingCall) => void) {
    const { promise, resolve, reject } = withResolvers()
    this.answer = promise
    this.#resolve = resolve
    this.#reject = reject
    this.#onSettled = onSettled
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      const expire = (): void =>
        this.fail(new RunnerError('ERR_CALL_TIMEOUT', `${whom} did not answer in ${timeoutMs} ms`))
      this.#timer = clock.after(timeoutMs, expire)
    }
  }

  reply(value: unknown): void {
    if (this.#settle()) this.#resolve(value)
  }

  /** Fails the call: the answer rejects with `error`. */
  fail(error: unknown): void {
    if (this.#settle()) this.#reject(error)
  }

  /** Fails the call with the signal's reason as soon as the signal is aborted. */
  failOn(signal: AbortSignal): void {
    const abort = (): void => this.fail(signal.reason)
    if (signal.aborted) {
      abort()
      return
    }
    signal.addEventListener('abort', abort, { once: true })
    this.#stopListening = () => signal.removeEventListener('abort', abort)
  }

  #settle(): boolean {
    if (this.#isSettled) return false
    this.#isSettled = true
    this.#timer?.cancel()
    this.#stopListening?.()
    this.#onSettled(this)
    return true
  }
}

interface Resolvers {
  readonly promise: Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** `Promise.withResolvers`, which Node.js 20 does not have. */
function withResolvers(): Resolvers {
  let resolve: Resolvers['resolve'] | undefined
  let reject: Resolvers['reject'] | undefined
  const promise = new Promise<unknown>((onResolve, onReject) => {
    resolve = onResolve
    reject = onReject
  })
  // The executor of a promise runs before its constructor returns, so both are set here.
  return { promise, resolve: resolve as Resolvers['resolve'], reject: reject as Resolvers['reject'] }
}
