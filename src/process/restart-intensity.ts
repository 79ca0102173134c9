/** How many restarts are too many: a pure sliding window over the times of past restarts. */

/** The bound of {@link countRestart}. */
export interface RestartIntensity {
  /** Restarts allowed within the window. */
  readonly maxRestarts: number
  /** Length of the window in seconds. */
  readonly maxSeconds: number
}

/** What {@link countRestart} found. */
export interface RestartCount {
  /** Whether this restart is the one too many. */
  readonly isExceeded: boolean
  /** The restarts that still count, oldest first, for the next call. */
  readonly restartsMs: readonly number[]
}

/**
 * Counts one more restart.
 *
 * @param restartsMs Times of earlier restarts in milliseconds, oldest first.
 * @param nowMs The time of this one on the same clock.
 */
export function countRestart(restartsMs: readonly number[], nowMs: number, intensity: RestartIntensity): RestartCount {
  const oldestMs = nowMs - intensity.maxSeconds * 1000
  const counted = [...restartsMs.filter((restartMs) => restartMs >= oldestMs), nowMs]
  return { isExceeded: counted.length > intensity.maxRestarts, restartsMs: counted }
}
