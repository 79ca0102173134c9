/** The answer to an id that no job has. */

import { notFoundError, type CliError } from './cli-error.ts'
import { cleanLine } from './output/clean-text.ts'

/** Says why that may be. */
export function unknownJob(id: string): CliError {
  return notFoundError(
    `no job ${cleanLine(id, 80)} is stored`,
    'it never was, or it ended and its record was dropped (see `keep` of its queue); `millrace ls` lists what there is',
  )
}
