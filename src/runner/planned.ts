/** Functions of the public API that are planned and refused until they work. */

import { notAvailableError } from '../job/not-available.ts'

/** Planned: a job whose handler gets many enqueued jobs at once. Throws `ERR_NOT_AVAILABLE`. */
export function batchJob(_options: object, _fn: (...args: never[]) => unknown): never {
  throw notAvailableError('batchJob()')
}
