/** What every kind of supervisor does with its children: ends them in time, and counts their restarts. */

import type { Clock } from '../host/host.ts'
import type { ExitReason } from './exit-reason.ts'
import { notAnInteger, shown } from './mistakes.ts'
import type { Process } from './process.ts'
import { countRestart } from './restart-intensity.ts'

/** How long a child may take to end, in milliseconds, before it is killed; `brutalKill` kills at once. */
export type Shutdown = number | 'infinity' | 'brutalKill'

/** {@link Shutdown} where nothing is said. */
export const DEFAULT_SHUTDOWN_MS = 5000

/** Ends a child of `parent`; resolves when it is gone. */
export function stopChild(clock: Clock, parent: Process, child: Process, shutdown: Shutdown): Promise<void> {
  return new Promise<void>((resolve) => {
    child.watch(() => resolve())
    if (shutdown === 'brutalKill') return child.kill()
    const timer = shutdown === 'infinity' ? undefined : clock.after(shutdown, () => child.kill())
    child.watch(() => timer?.cancel())
    return child.signalExit(parent, 'shutdown')
  })
}

/** The bound of restarts, as a supervisor is given it: 3 within 5 seconds where nothing is said. */
export interface RestartOptions {
  readonly maxRestarts?: number | undefined
  readonly maxSeconds?: number | undefined
}

/** Mistakes in {@link RestartOptions}. */
export function restartMistakes({ maxRestarts = 3, maxSeconds = 5 }: RestartOptions): readonly string[] {
  return [
    ...notAnInteger('maxRestarts', maxRestarts, 0),
    ...(maxSeconds > 0 ? [] : [`maxSeconds must be a number > 0, not ${shown(maxSeconds)}`]),
  ]
}

/** Mistakes in a {@link Shutdown}. */
export function shutdownMistakes(shutdown: Shutdown): readonly string[] {
  const isKnown = typeof shutdown === 'number' ? shutdown >= 0 : shutdown === 'infinity' || shutdown === 'brutalKill'
  return isKnown ? [] : [`shutdown must be milliseconds >= 0, 'infinity' or 'brutalKill', not ${shown(shutdown)}`]
}

/** The restarts of one supervisor: counts them, tells of them, and ends the supervisor with `shutdown` when they are too many. */
export class Restarts {
  readonly #clock: Clock
  readonly #parent: Process
  #restartsMs: readonly number[] = []
  #count = 0

  constructor(clock: Clock, parent: Process) {
    this.#clock = clock
    this.#parent = parent
  }

  /** How many there have been. */
  get count(): number {
    return this.#count
  }

  /** A child ended for `reason` and is to be started again; answers whether that is one too many. */
  isOneTooMany(id: string, reason: ExitReason, { maxRestarts = 3, maxSeconds = 5 }: RestartOptions): boolean {
    const nowMs = this.#clock.monotonic()
    const { isExceeded, restartsMs } = countRestart(this.#restartsMs, nowMs, { maxRestarts, maxSeconds })
    this.#restartsMs = restartsMs
    if (isExceeded) {
      this.#parent.log('error', 'too_many_restarts', [id, reason])
      this.#parent.requestStop('shutdown')
    } else {
      this.#count++
      this.#parent.log('info', 'restarting', [id, reason])
    }
    return isExceeded
  }
}
