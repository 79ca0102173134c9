/**
 * Producers that read from an iterable. They pull only what is asked for, stop with `normal` when the source is at its end, after
 * everything they emitted has left the buffer, and close the iterator however they end. An error of the source is the stage's
 * crash; a restart begins the source anew.
 */

import { notOneOf, refuse, shown } from '../process/mistakes.ts'
import type { EmitterOptions, ProducerCallbacks, Self } from './callbacks.ts'
import { producer, type ProducerDefinition } from './definition.ts'
import type { DemandMode } from './stage-ref.ts'

/** Options of {@link fromIterable}. */
export interface FromIterableOptions<Item> extends EmitterOptions<Item> {
  /** Default: `forward`. */
  readonly demand?: DemandMode | undefined
  /** What the last consumer's leaving does: `stop` ends the producer with `normal`. Default: `continue`. */
  readonly onCancel?: 'continue' | 'stop' | undefined
}

/** Options of {@link fromAsyncIterable}. */
export interface FromAsyncIterableOptions<Item> extends FromIterableOptions<Item> {
  /**
   * Whether an ask is answered only when all its items are there. Default: `false`, items are emitted as they come; what is still
   * missing is remembered.
   */
  readonly fill?: boolean | undefined
}

const ON_CANCEL = ['continue', 'stop']

function sourceMistakes(source: unknown, method: symbol): readonly string[] {
  const isIterable =
    typeof source === 'function' || (source !== null && source !== undefined && method in Object(source))
  return isIterable
    ? []
    : [`the source must have ${String(method)} or be a function that makes one, not ${shown(source)}`]
}

const END = Symbol('the end of the source')

/**
 * Describes a producer of the items of `source`, which is an iterable or a function that makes one for each start.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function fromIterable<Item>(
  source: Iterable<Item> | (() => Iterable<Item>),
  options: FromIterableOptions<Item> = {},
): ProducerDefinition<Item> {
  refuse('fromIterable', [
    ...sourceMistakes(source, Symbol.iterator),
    ...notOneOf('onCancel', options.onCancel ?? 'continue', ON_CANCEL),
  ])
  return producer<Item>((self) => {
    const items = typeof source === 'function' ? source() : source
    const iterator = items[Symbol.iterator]()
    let isOpen = true
    onDeath(self, () => {
      if (isOpen) iterator.return?.()
    })
    return {
      ...common(self, options),
      handleDemand: (demand) => {
        const pulled: Item[] = []
        while (isOpen && pulled.length < demand) {
          const next = iterator.next()
          if (next.done === true) {
            isOpen = false
            self.ref.asyncInfo(END)
          } else {
            pulled.push(next.value)
          }
        }
        return pulled
      },
    }
  })
}

/**
 * Describes a producer of the items of an asynchronous `source`, or of what a function makes for each start. It waits for one item
 * at a time.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function fromAsyncIterable<Item>(
  source: AsyncIterable<Item> | (() => AsyncIterable<Item>),
  options: FromAsyncIterableOptions<Item> = {},
): ProducerDefinition<Item> {
  const { fill = false, ...rest } = options
  refuse('fromAsyncIterable', [
    ...sourceMistakes(source, Symbol.asyncIterator),
    ...notOneOf('onCancel', rest.onCancel ?? 'continue', ON_CANCEL),
  ])
  return producer<Item>((self) => {
    const items = typeof source === 'function' ? source() : source
    const iterator = items[Symbol.asyncIterator]()
    let isOpen = true
    onDeath(self, () => {
      // Whoever is gone can no longer be told of an error on closing.
      if (isOpen) iterator.return?.().then(undefined, () => {})
    })
    const pull = async (): Promise<readonly Item[]> => {
      const next = await iterator.next()
      if (next.done !== true) return [next.value]
      isOpen = false
      self.ref.asyncInfo(END)
      return []
    }
    return { ...common(self, rest), ...(fill ? filling(pull, () => isOpen) : asTheyCome(self, pull, () => isOpen)) }
  })
}

type Pull<Item> = () => Promise<readonly Item[]>

function filling<Item>(pull: Pull<Item>, isOpen: () => boolean): Pick<ProducerCallbacks<Item>, 'handleDemand'> {
  return {
    handleDemand: async (demand) => {
      const pulled: Item[] = []
      // One after the other is the point: an iterator gives one item at a time.
      while (isOpen() && pulled.length < demand) pulled.push(...(await pull()))
      return pulled
    },
  }
}

/** Reads beside the stage, and hands what has come to the stage by a message, so that the mailbox never waits for the source. */
function asTheyCome<Item>(
  self: Self<Item>,
  pull: Pull<Item>,
  isOpen: () => boolean,
): Pick<ProducerCallbacks<Item>, 'handleDemand' | 'handleCast'> {
  let wanted = 0
  let isReading = false
  let failure: { readonly error: unknown } | undefined
  let arrived: Item[] = []
  const read = async (): Promise<void> => {
    isReading = true
    try {
      while (wanted > 0 && isOpen() && self.isAlive) {
        const items = await pull()
        wanted -= items.length
        if (arrived.length === 0 && items.length > 0) self.ref.cast(ARRIVED)
        arrived.push(...items)
      }
    } catch (error) {
      failure = { error }
      self.ref.cast(ARRIVED)
    }
    isReading = false
  }
  return {
    handleDemand: (demand) => {
      wanted += demand
      if (!isReading) void read()
    },
    handleCast: () => {
      const items = arrived
      arrived = []
      // What came before the error is not held back: the error's own message follows.
      if (items.length === 0 && failure !== undefined) throw failure.error
      if (failure !== undefined) self.ref.cast(ARRIVED)
      return items
    },
  }
}

const ARRIVED = Symbol('items have arrived')

function common<Item>(
  self: Self<Item>,
  { onCancel = 'continue', ...options }: FromIterableOptions<Item>,
): Omit<ProducerCallbacks<Item>, 'handleDemand'> {
  let consumers = 0
  return {
    ...options,
    handleSubscribe: () => {
      consumers++
    },
    handleCancel: () => {
      consumers--
      if (consumers === 0 && onCancel === 'stop') self.stop('normal')
    },
    handleInfo: (message) => {
      if (message === END) self.stop('normal')
    },
  }
}

function onDeath<Item>(self: Self<Item>, close: () => void): void {
  self.signal.addEventListener('abort', close, { once: true })
}
