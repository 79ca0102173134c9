/**
 * The clock port: the only way the rest of millrace learns the time, waits, or yields to the event loop.
 * Tests pass a clock that moves only when they move it.
 */

/** A running timer. */
export interface Timer {
  /** Stops the timer; harmless when it has fired or was cancelled before. */
  cancel(): void
}

/** Options of {@link Clock.after}. */
export interface AfterOptions {
  /** Whether the waiting timer keeps the process alive. Default: `true`. */
  readonly keepAlive?: boolean | undefined
}

/** Where time comes from. */
export interface Clock {
  /** Wall-clock time in milliseconds since 1970; may jump. For display and for times that are stored. */
  now(): number
  /** Milliseconds since an arbitrary start; never goes back. For durations and deadlines. */
  monotonic(): number
  /**
   * Runs `run` once after at least `ms` milliseconds (0 or more; any size, also beyond 2^31 ms).
   * An error thrown by `run` is not caught here.
   */
  after(ms: number, run: () => void, options?: AfterOptions): Timer
  /** Runs `run` in a later turn of the event loop, after waiting I/O and timers had their chance. */
  soon(run: () => void): void
  /** Runs `run` before the event loop goes on (a microtask). */
  microtask(run: () => void): void
}

/** `setTimeout` fires at once above this many milliseconds, so longer waits are re-armed. */
const LONGEST_TIMEOUT_MS = 2 ** 31 - 1

const RESOLVED = Promise.resolve()

/** The clock of the Node.js process. */
export function nodeClock(): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now(),
    after: (ms, run, options) => startTimer(ms, run, options?.keepAlive ?? true),
    soon: (run) => {
      setImmediate(run)
    },
    microtask: (run) => {
      // A third of what queueMicrotask costs.
      void RESOLVED.then(run)
    },
  }
}

function startTimer(ms: number, run: () => void, keepAlive: boolean): Timer {
  let remainingMs = Math.max(0, ms)
  let timeout: NodeJS.Timeout | undefined
  const arm = (): void => {
    const stepMs = Math.min(remainingMs, LONGEST_TIMEOUT_MS)
    remainingMs -= stepMs
    timeout = setTimeout(() => (remainingMs > 0 ? arm() : run()), stepMs)
    if (!keepAlive) timeout.unref()
  }
  arm()
  return { cancel: () => clearTimeout(timeout) }
}

/**
 * Milliseconds on a clock that never goes back and that all threads of this process share; what {@link Clock.monotonic} counts
 * from differs from thread to thread.
 */
export function processTime(): number {
  return Number(process.hrtime.bigint() / 1_000n) / 1_000
}
