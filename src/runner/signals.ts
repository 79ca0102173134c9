/** What SIGINT and SIGTERM do to a runner: the first stops it gracefully, the second hurries, the third quits. */

import { onEndSignals, quit } from '../host/signals.ts'

/** Handles the signals until the returned function is called. */
export function onSignals(runner: { readonly stop: () => Promise<void>; readonly hurry: () => void }): () => void {
  return onEndSignals((count) => {
    if (count === 1) runner.stop().catch(() => quit(1))
    else if (count === 2) runner.hurry()
    else quit(1)
  })
}
