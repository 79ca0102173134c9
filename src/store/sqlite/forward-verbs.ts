/** The verbs of the contract that a transport carries to a core. */

import type { Store } from '../store.ts'
import { CORE_VERBS, type CoreVerb, type VerbAnswer, type VerbArgs } from './core.ts'

/** Carries one verb. */
export type CallCore = <V extends CoreVerb>(verb: V, args: VerbArgs<V>) => Promise<VerbAnswer<V>>

/** Every verb of {@link CORE_VERBS} as a method that does nothing but `call`. */
export function forwardVerbs(call: CallCore): Pick<Store, CoreVerb> {
  const verbs = CORE_VERBS.map((verb) => [verb, (...args: VerbArgs<CoreVerb>) => call(verb, args as never)])
  // Each method has the name and, through `call`, the type of its verb.
  return Object.fromEntries(verbs) as Pick<Store, CoreVerb>
}
