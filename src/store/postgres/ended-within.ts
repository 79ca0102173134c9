/** Ending connections whose other side may be gone without a word. */

import type { Client } from 'pg'
import type { Clock } from '../../host/clock.ts'

/** An orderly end takes a round trip to the server, or what is under way on the connection. */
const END_WITHIN_MS = 3_000

/** Resolves when `ending` has settled, and after three seconds at the latest. */
export async function endedWithin(clock: Clock, ending: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const timer = clock.after(END_WITHIN_MS, resolve)
    const end = (): void => {
      timer.cancel()
      resolve()
    }
    ending.then(end, end)
  })
}

/** Ends a connection, as {@link endedWithin}. From now on it does not keep the process or thread alive. */
export async function endClient(clock: Clock, client: Client): Promise<void> {
  // A method that the type declarations of the driver leave out.
  ;(client as unknown as { unref(): void }).unref()
  await endedWithin(clock, client.end())
}
