/** The event bus: attach, detach, send. It knows no event names. */

import type { Logger } from '../host/host.ts'

/** Receives the events of one name. */
export type Listener<Payload> = (payload: Payload) => void

/**
 * Sends events to whoever listens.
 *
 * A listener runs in the turn of the sender and must be quick. One that throws is reported to the logger; neither the sender
 * nor the other listeners notice.
 */
export class Bus<Events extends object> {
  readonly #logger: Logger
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Calls `listener` for each event of that name until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const listeners = this.#listeners.get(name) ?? new Set()
    this.#listeners.set(name, listeners.add(listener))
    return () => {
      listeners.delete(listener)
    }
  }

  /** Whether anybody listens: an event that is costly to make need not be made for nobody. */
  hasListeners(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0
  }

  /** Sends an event. */
  send<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        // Listeners are kept under the name whose payload they take.
        ;(listener as Listener<Events[Name]>)(payload)
      } catch (error) {
        const message = `a listener of "${String(name)}" threw: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
        this.#logger.log({ level: 'error', code: 'listener_threw', args: [String(name)], message })
      }
    }
  }
}
