/** The base of every error that millrace throws on purpose, and assertions for programmer errors. */

/** Options of {@link RunnerError}. */
export interface RunnerErrorOptions {
  /** What caused this error, kept for whoever reads the log. */
  readonly cause?: unknown
}

/**
 * An error with a stable `code`. Callers branch on `code`, never on the text of the message: the message says what failed,
 * with which value, and what to do.
 */
export class RunnerError extends Error {
  override readonly name: string = 'RunnerError'
  /** A stable word such as `ERR_UNKNOWN_JOB`. */
  readonly code: string

  constructor(code: string, message: string, options?: RunnerErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Throws when an invariant of our own code does not hold: a bug, never an operating error. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new RunnerError('ERR_ASSERTION', `assertion failed: ${message}; this is a bug in millrace`)
}

/** Marks the end of a `switch` that covers every case; the compiler complains when one is missing. */
export function unreachable(value: never): never {
  throw new RunnerError('ERR_ASSERTION', `unexpected value: ${JSON.stringify(value)}; this is a bug in millrace`)
}
