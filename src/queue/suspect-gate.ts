/**
 * Lets jobs that were in a crash begin so that the next crash tells which of them it was: see `job/crashes.ts`.
 *
 *     enter ──▶ waiting ──┬─ together: while none is inside that runs apart ──▶ inside ──leave──▶ (those who wait)
 *                         └─ apart: when nobody is inside ─────────────────────▶
 *
 * Those who run together go first: each of them runs once and is no suspect any more, so that does not last. Whoever enters
 * must leave.
 */

/** See the head of this file. */
export class SuspectGate {
  #together = 0
  #isApart = false
  readonly #waiting: { readonly isApart: boolean; readonly admit: () => void }[] = []

  /** Resolves when the caller is inside. */
  enter(isApart: boolean): Promise<void> {
    return new Promise((admit) => {
      this.#waiting.push({ isApart, admit })
      this.#admit()
    })
  }

  /** The caller, who entered with the same word, is through. */
  leave(isApart: boolean): void {
    if (isApart) this.#isApart = false
    else this.#together -= 1
    this.#admit()
  }

  #admit(): void {
    for (let index = 0; index < this.#waiting.length && !this.#isApart;) {
      if (this.#waiting[index]?.isApart === true) index += 1
      else {
        this.#together += 1
        this.#waiting.splice(index, 1)[0]?.admit()
      }
    }
    if (this.#isApart || this.#together > 0 || this.#waiting.length === 0) return
    this.#isApart = true
    this.#waiting.shift()?.admit()
  }
}
