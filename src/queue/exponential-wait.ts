/** How long to wait before the next try of a call that keeps failing. */

import type { Host } from '../host/host.ts'

/** Doubling waits with full jitter between half and the whole of the step, so that many nodes do not come back at once. */
export class ExponentialWait {
  readonly #host: Pick<Host, 'random'>
  readonly #baseMs: number
  readonly #maxMs: number
  #tries = 0

  constructor(host: Pick<Host, 'random'>, { baseMs, maxMs }: { readonly baseMs: number; readonly maxMs: number }) {
    this.#host = host
    this.#baseMs = baseMs
    this.#maxMs = maxMs
  }

  /** The next wait in milliseconds. */
  nextMs(): number {
    const stepMs = Math.min(this.#maxMs, this.#baseMs * 2 ** Math.min(this.#tries, 30))
    this.#tries += 1
    return stepMs * (0.5 + this.#host.random.float() / 2)
  }

  /** A call worked: the next failure begins at the base again. */
  reset(): void {
    this.#tries = 0
  }
}
