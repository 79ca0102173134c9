/** Cleaning up with the test, or with the file. */

import { afterAll, onTestFinished } from 'vitest'

/** Hooks `work` to the running test, or to the file or `describe` that is being read. Throws in a `beforeAll`. */
export function atTheEnd(work: () => Promise<void>): void {
  try {
    onTestFinished(work)
  } catch {
    afterAll(work)
  }
}
