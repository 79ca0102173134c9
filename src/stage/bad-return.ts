/** The error of a callback that returned what its contract does not know. It crashes that stage, and no other. */

import { RunnerError } from '../host/errors.ts'
import { shown } from '../process/mistakes.ts'

/**
 * Says what was returned and what is allowed; the code is `ERR_BAD_RETURN`.
 *
 * @param whose The stage's title.
 */
export function badReturn(callback: string, whose: string, returned: unknown, allowed: string): RunnerError {
  return new RunnerError(
    'ERR_BAD_RETURN',
    `${callback} of ${whose} returned ${shown(returned)}; it must return ${allowed}`,
  )
}
