/**
 * The embedded store on the caller's own thread and clock: with a clock that moves only when a test moves it, everything it
 * does is repeatable. A verb blocks the thread while it runs.
 */

import type { Host } from '../../host/host.ts'
import { uuidV4 } from '../../host/uuid.ts'
import { storeError } from '../errors.ts'
import type { Store } from '../store.ts'
import type { CoreOptions, CoreVerb, VerbAnswer, VerbArgs } from './core.ts'
import { forwardVerbs } from './forward-verbs.ts'
import { LiveCore } from './live-core.ts'
import { handleVerbs } from './user-connection.ts'

/** Makes an embedded store without a thread. */
export function inlineStore(host: Host, options: CoreOptions): Store {
  const listeners = new Set<() => void>()
  let isClosed = false
  const coreHost = {
    clock: host.clock,
    logger: host.logger,
    now: () => host.clock.now(),
    uuid: () => uuidV4(host),
  }
  const core = new LiveCore(options, coreHost, () => {
    for (const listener of listeners) listener()
  })
  const checkOpen = (): void => {
    if (isClosed) throw storeError('ERR_STORE_CLOSED', 'the store was closed; make a new runner to go on')
  }
  return {
    ...forwardVerbs(async <V extends CoreVerb>(verb: V, args: VerbArgs<V>): Promise<VerbAnswer<V>> => {
      checkOpen()
      return core.call(verb, args)
    }),
    ...handleVerbs({ ...options, host: coreHost, checkOpen }),
    onChange: (_about, listener) => {
      listeners.add(listener)
      if (listeners.size === 1 && !isClosed) core.listen(true)
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) core.listen(false)
      }
    },
    close: async () => {
      if (isClosed) return
      isClosed = true
      listeners.clear()
      core.close()
    },
  }
}
