/** Hears every event of a runner. */

import type { RunnerEvents } from '../../src/index.ts'
import type { LoadRunner } from './load.ts'
import type { ToldEvent } from './told.ts'

/** Calls `hear` for each event of these names, with the time. */
export function listenTo(
  runner: LoadRunner,
  names: readonly (keyof RunnerEvents)[],
  hear: (told: ToldEvent) => void,
): void {
  for (const event of names) {
    runner.on(event, (payload) => {
      // The payload is that of the event under whose name it came.
      hear({ at: Date.now(), event, payload } as ToldEvent)
    })
  }
}
