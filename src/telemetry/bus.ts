/**
 * The event bus: attach, detach, send. It knows no event names.
 *
 * Two kinds of subscribers get an event, in this order: listeners of this bus, and subscribers of the channel of
 * `node:diagnostics_channel` that belongs to the event, which see the events of every bus of the process. Both run in the turn of
 * the sender and must be quick. One that fails is detached and reported to the logger; neither the sender nor the other
 * subscribers notice.
 */

import { channel, type Channel, type ChannelListener } from 'node:diagnostics_channel'

import type { Logger } from '../host/host.ts'

/** Receives the events of one name. */
export type Listener<Payload> = (payload: Payload) => void

interface Entry {
  readonly listener: Listener<never>
}

/** Who gets the events of one name. */
interface Audience {
  /** Replaced, never changed: who sends goes through those that were there then, without a copy. */
  listeners: readonly Entry[]
  /** Kept, because Node.js forgets a channel that nobody has in hand. */
  readonly channel: Channel
}

/** Sends events to whoever listens. See the head of this file. */
export class Bus<Events extends object> {
  readonly #logger: Logger
  readonly #prefix: string
  readonly #audiences = new Map<keyof Events, Audience>()

  /** @param prefix What the names of the channels begin with: `millrace:`. */
  constructor(logger: Logger, prefix: string) {
    this.#logger = logger
    this.#prefix = prefix
  }

  /** Calls `listener` for each event of that name, until the returned function is called or the listener fails. */
  on<Name extends keyof Events>(name: Name, listener: Listener<Events[Name]>): () => void {
    const audience = this.#audience(name)
    const entry = { listener }
    audience.listeners = [...audience.listeners, entry]
    return () => void detach(audience, entry)
  }

  /** Whether anybody listens: an event that is costly to make need not be made for nobody. */
  hasListeners(name: keyof Events): boolean {
    const audience = this.#audience(name)
    return audience.listeners.length > 0 || audience.channel.hasSubscribers
  }

  /** Sends an event. */
  send<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    const audience = this.#audience(name)
    for (const entry of audience.listeners) {
      const onFailed = (error: unknown): void => {
        if (detach(audience, entry)) this.#complain(`a listener of "${String(name)}"`, name, error)
      }
      // Listeners are kept under the name whose payload they take.
      call(entry.listener as Listener<Events[Name]>, payload, audience.channel, onFailed)
    }
    if (audience.channel.hasSubscribers) this.#publish(name, audience.channel, payload)
  }

  /**
   * What `channel.publish` does, but for one thing: there an error of a subscriber becomes an uncaught one, and ends a process
   * that runs jobs, because one of its observers has a bug. Where this Node.js has no such list of subscribers, it publishes.
   */
  #publish<Name extends keyof Events>(name: Name, to: Channel, payload: Events[Name]): void {
    const subscribers: unknown = Reflect.get(to, '_subscribers')
    if (!Array.isArray(subscribers)) return to.publish(payload)
    // What Node.js keeps there are the functions that were given to `subscribe`.
    for (const subscriber of [...subscribers] as ChannelListener[]) {
      const onFailed = (error: unknown): void => {
        // Answers whether it was still attached; its type says nothing of that.
        const isDetached: unknown = to.unsubscribe(subscriber)
        if (isDetached === true) this.#complain(`a subscriber of the channel "${String(to.name)}"`, name, error)
      }
      call(subscriber, payload, to, onFailed)
    }
  }

  #audience(name: keyof Events): Audience {
    let audience = this.#audiences.get(name)
    if (audience === undefined) {
      audience = { listeners: [], channel: channel(`${this.#prefix}${String(name)}`) }
      this.#audiences.set(name, audience)
    }
    return audience
  }

  #complain(who: string, name: keyof Events, error: unknown): void {
    const shown = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const message = `${who} threw and was detached: ${shown}`
    this.#logger.log({ level: 'warn', code: 'listener_detached', args: [String(name), error], message })
  }
}

/** Answers whether it was still attached. */
function detach(audience: Audience, entry: Entry): boolean {
  if (!audience.listeners.includes(entry)) return false
  audience.listeners = audience.listeners.filter((other) => other !== entry)
  return true
}

/** Calls a subscriber; an asynchronous one answers a promise, which may fail later. */
function call<Payload>(
  subscriber: (payload: Payload, name: string | symbol) => unknown,
  payload: Payload,
  { name }: Channel,
  onFailed: (error: unknown) => void,
): void {
  try {
    const answer = subscriber(payload, name)
    if (answer instanceof Promise) answer.catch(onFailed)
  } catch (error) {
    onFailed(error)
  }
}
