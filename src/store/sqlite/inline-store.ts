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
import { LiveCore, liveHost, type LiveHost } from './live-core.ts'
import { handleVerbs } from './user-connection.ts'

/**
 * Makes an embedded store without a thread.
 *
 * @param live What drives the core; another one than the default lets several stores share one database.
 */
export function inlineStore(host: Host, options: CoreOptions, live: LiveHost = liveHost(host, options)): Store {
  const listeners = new Set<() => void>()
  let isClosed = false
  const confirmedAt = new Map<string, number>()
  const vouchedUntil = new Map<string, number>()
  const core = new LiveCore(live, {
    onChange: () => {
      for (const listener of listeners) listener()
    },
    onBeat: (node, agoMs) => void confirmedAt.set(node, host.clock.monotonic() - agoMs),
    isVouched: (node) => host.clock.monotonic() < (vouchedUntil.get(node) ?? Infinity),
  })
  const checkOpen = (): void => {
    if (isClosed) throw storeError('ERR_STORE_CLOSED', 'the store was closed; make a new runner to go on')
  }
  return {
    ...forwardVerbs(async <V extends CoreVerb>(verb: V, args: VerbArgs<V>): Promise<VerbAnswer<V>> => {
      checkOpen()
      if (verb === 'retireNode') {
        const [node] = args as VerbArgs<'retireNode'>
        confirmedAt.delete(node)
        vouchedUntil.delete(node)
      }
      return core.call(verb, args)
    }),
    rescueNodeSync: (request) => !isClosed && core.call('rescueNode', [request]) !== null,
    vouch: (node, forMs) => void vouchedUntil.set(node, host.clock.monotonic() + forMs),
    silenceMs: (node) => host.clock.monotonic() - (confirmedAt.get(node) ?? -Infinity),
    timesUnheard: () => 0,
    ...handleVerbs({ ...options, host: { now: () => host.clock.now(), uuid: () => uuidV4(host) }, checkOpen }),
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
