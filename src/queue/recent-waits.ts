/** How long the jobs that began lately had waited. Pure: time comes in as an argument. */

/** So many are remembered: enough for one in twenty to mean something. */
const MOST = 200
/** What began longer ago is forgotten. */
const LATELY_MS = 10_000

/** The waits of one queue on one node. */
export class RecentWaits {
  readonly #waits: { readonly at: number; readonly waitMs: number }[] = []
  #next = 0

  note(at: number, waitMs: number): void {
    this.#waits[this.#next] = { at, waitMs }
    this.#next = (this.#next + 1) % MOST
  }

  /** Of 20 that began lately, the wait of the longest but one; null when none began. */
  p95(now: number): number | null {
    const lately = this.#waits.filter(({ at }) => now - at <= LATELY_MS).map(({ waitMs }) => waitMs)
    if (lately.length === 0) return null
    lately.sort((a, b) => a - b)
    return lately[Math.min(lately.length - 1, Math.floor(lately.length * 0.95))] ?? null
  }
}
