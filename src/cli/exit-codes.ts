/** What the exit code of the command says. */

import type { JobErrorCode } from '../job/errors.ts'
import { STORE_ERRORS } from '../store/errors.ts'

/** The exit codes by what they mean. */
export const EXIT = {
  ok: 0,
  /** What was asked for was tried and failed. */
  failed: 1,
  /** The command, its options, or the configuration are wrong. */
  usage: 2,
  /** The database cannot be reached or opened. */
  store: 3,
  notFound: 4,
  /** Not done because it needs a yes, does not apply, or is not available yet. */
  refused: 5,
  /** A worker has stopped in good order and wants to be started anew. */
  restart: 75,
} as const

/** One of {@link EXIT}. */
export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

const WRONG_INPUT: ReadonlySet<string> = new Set<JobErrorCode>([
  'ERR_CONFIGURATION',
  'ERR_BAD_OPTIONS',
  'ERR_BAD_DURATION',
  'ERR_BAD_KEY',
  'ERR_ARGS_INVALID',
  'ERR_ARGS_TOO_LARGE',
  'ERR_VALUE_UNSUPPORTED',
])
const UNKNOWN: ReadonlySet<string> = new Set<JobErrorCode>(['ERR_UNKNOWN_JOB', 'ERR_JOB_NOT_FOUND'])
const LATER: JobErrorCode = 'ERR_NOT_AVAILABLE'

/** The exit code for an error's stable code; undefined for one that is not known. */
export function exitCodeOf(code: string): ExitCode | undefined {
  if (Object.hasOwn(STORE_ERRORS, code)) return EXIT.store
  if (WRONG_INPUT.has(code)) return EXIT.usage
  if (UNKNOWN.has(code)) return EXIT.notFound
  return code === LATER ? EXIT.refused : undefined
}
