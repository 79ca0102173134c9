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
  /** The lists are replaced, never changed: who sends goes through those that were there then, without a copy. */
  readonly #listeners = new Map<keyof Events, readonly { readonly listener: Listener<never> }[]>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Calls `listener` for each event of that name until the returned function is called. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const entry = { listener }
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), entry])
    return () => {
      const listeners = this.#listeners.get(name) ?? []
      this.#listeners.set(
        name,
        listeners.filter((other) => other !== entry),
      )
    }
  }

  /** Whether anybody listens: an event that is costly to make need not be made for nobody. */
  hasListeners(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.length ?? 0) > 0
  }

  /** Sends an event. */
  send<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    const listeners = this.#listeners.get(name)
    if (listeners === undefined) return
    for (const { listener } of listeners) {
      try {
        // Listeners are kept under the name whose payload they take. An asynchronous one answers a promise.
        const answer: unknown = (listener as Listener<Events[Name]>)(payload)
        if (answer instanceof Promise) answer.catch((error: unknown) => this.#complain(name, error))
      } catch (error) {
        this.#complain(name, error)
      }
    }
  }

  #complain(name: keyof Events, error: unknown): void {
    const shown = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const message = `a listener of "${String(name)}" threw: ${shown}`
    this.#logger.log({ level: 'error', code: 'listener_threw', args: [String(name)], message })
  }
}
