/**
 * The contract of everything that is measured. A module in contenders/ exports a list of contenders; the harness prepares a
 * fresh place for every run (a database, a file, an empty Redis) and opens sessions on it in child processes.
 *
 *    producer child   open ─▶ prepare ─▶ enqueue / enqueueAll … ─▶ close
 *    worker child     open ─▶ start (here the clock starts) ─▶ … ─▶ close
 *
 * Contenders are `.mjs`: their peers' packages are installed on the first benchmark only, so the compiler cannot ask for
 * their types.
 */

/** What each job carries. */
export interface Payload {
  readonly id: number
  readonly email: string
}

/** Called for each job, and the whole work of it. */
export type Handler = (payload: Payload) => void

export type StoreKind = 'postgres' | 'sqlite' | 'redis'

/** A library with its settings. */
export interface Contender {
  readonly name: string
  readonly store: StoreKind
  /** The npm packages whose versions are printed. */
  readonly packages: readonly string[]
  /** The settings in words, printed beside the figures. */
  readonly settings: string
  /** About as many jobs as it drains in five seconds. */
  readonly drainJobs: number
  /** Asks the store for a number that is 0 when it holds no unfinished job: SQL, or a Lua script for Redis. */
  readonly unfinished: string
  /** Does no I/O. */
  open(url: string): Session | Promise<Session>
}

/** A library in one process. */
export interface Session {
  /** Creates the schema. Called once per place, before all else. */
  prepare(): Promise<void>
  /** Stores one job; resolves when it is stored as safely as the library does it. */
  enqueue(payload: Payload): Promise<unknown>
  /** Stores many in one call. */
  enqueueAll(payloads: readonly Payload[], options?: EnqueueAllOptions): Promise<unknown>
  /** Starts a worker on these queues; the first is the one that jobs go to. */
  start(handler: Handler, queues: readonly string[]): Promise<unknown>
  close(): Promise<unknown>
}

export interface EnqueueAllOptions {
  /** Run no earlier than this many seconds from now. */
  readonly delaySeconds?: number
}

/** The queue that jobs go to. */
export const QUEUE = 'default'
