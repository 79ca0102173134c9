/** The error of what is promised but not there yet. */

import type { RunnerError } from '../host/errors.ts'
import { jobError } from './errors.ts'

/**
 * The error that a planned option or method throws until it works, so that nobody believes it has an effect.
 *
 * @param what What was asked for, such as `option "unique" of enqueue`.
 * @returns An error with the code `ERR_NOT_AVAILABLE`; the caller throws it.
 */
export function notAvailableError(what: string): RunnerError {
  return jobError('ERR_NOT_AVAILABLE', notAvailableMessage(what))
}

/** The sentence of {@link notAvailableError}, for lists of problems. */
export function notAvailableMessage(what: string): string {
  return `${what} is not available yet`
}
