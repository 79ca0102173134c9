/** Why a process ended, and the error that tells a caller about it. */

import { RunnerError } from '../host/errors.ts'
import { shown } from './mistakes.ts'

/**
 * Why a process ended.
 *
 * `normal`, `shutdown` and `{ shutdown }` are clean ends; everything else is abnormal. An error thrown by a callback is the
 * reason itself. `killed` is what others see after a kill, `noproc` what they see when there was no such process.
 */
export type ExitReason =
  | 'normal'
  | 'shutdown'
  | 'killed'
  | 'noproc'
  | { readonly shutdown: unknown }
  | Error
  | (string & {})

/** Whether a process that ended with `reason` ended on purpose: `normal`, `shutdown` or `{ shutdown }`. */
export function isClean(reason: ExitReason): boolean {
  if (typeof reason === 'string') return reason === 'normal' || reason === 'shutdown'
  // Programs without types end stages with anything; whatever is not known to be clean is abnormal.
  return typeof reason === 'object' && reason !== null && !(reason instanceof Error) && 'shutdown' in reason
}

/** The reason in words, for messages. */
export function describeReason(reason: ExitReason): string {
  if (typeof reason === 'string') return reason
  if (reason instanceof Error) return reason.message
  return isClean(reason) ? `shutdown: ${String(reason.shutdown)}` : shown(reason)
}

/** Whatever was thrown, as a reason: an error is its own reason, the rest is wrapped in one. */
export function reasonOf(thrown: unknown): ExitReason {
  if (thrown instanceof Error) return thrown
  return new RunnerError('ERR_THROWN', `a callback threw ${String(thrown)}, which is not an Error`, { cause: thrown })
}

/** Tells a caller that the process it talked to, or wanted to start, is gone. Its code is `ERR_EXIT`. */
export class ExitError extends RunnerError {
  override readonly name: string = 'ExitError'
  /** Why the process ended. */
  readonly reason: ExitReason

  constructor(process: string, reason: ExitReason) {
    super('ERR_EXIT', `${process} is gone: ${describeReason(reason)}`, { cause: reason })
    this.reason = reason
  }
}
