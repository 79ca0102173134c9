/** What the demo is started with, and what it ends with. */

/** How the demo is run. */
export interface DemoOptions {
  /** Whether to end when all jobs have; otherwise the worker stays until `signal`. */
  readonly once: boolean
  /** The URL of a PostgreSQL server that the jobs are on. Default: an SQLite file in `dir`. */
  readonly database?: string | undefined
  /** Where the output goes, and the SQLite file. Default: `.millrace/demo` in the working folder. */
  readonly dir: string | undefined
  /** Whether to write nothing but the summary, as JSON. */
  readonly json: boolean
  /** At most so many files of each kind. Default: what takes about half a minute. */
  readonly limit?: number | undefined
  /** Aborted when the demo should stop, as by Ctrl-C. */
  readonly signal: AbortSignal
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
}

/** The exit code of a run: done, or stopped while it stayed. */
export const DONE = 0
/** The store or the disk failed, or a run that should end by itself was interrupted. */
export const FAILED = 1
/** There is nothing to work on, or the folder belongs to somebody else. */
export const REFUSED = 5
