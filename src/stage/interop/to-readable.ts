/** A stage's events as a readable stream: of Node.js, or of the web. What the stream has room for is what is asked for. */

import { Readable } from 'node:stream'
import { ReadableStream, type ReadableStreamDefaultController } from 'node:stream/web'
import { callbackify } from 'node:util'

import { RunnerError } from '../../host/errors.ts'
import { ExitError, type ExitReason } from '../../process/exit-reason.ts'
import type { System } from '../system.ts'
import { ManualConsumer, type ReadRequest } from './manual-consumer.ts'

/** Options of {@link toReadable} and {@link toReadableStream}. */
export interface ReadOptions {
  /** Ends the reading: the stream fails with the signal's reason, and the subscription is cancelled. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A Node.js stream, in object mode, of what a stage emits. It subscribes when it is made, asks only while its buffer has room,
 * and cancels when it is destroyed. It ends when its source ends cleanly, and fails when the source fails or is missing.
 *
 * @throws `ERR_BAD_OPTIONS`. The stream fails with `ERR_NULL_EVENT` for an event that is `null`, which ends Node.js streams.
 */
export function toReadable<In>(system: System, request: ReadRequest<In>, options: ReadOptions = {}): Readable {
  return new StageReadable(system, request, options)
}

class StageReadable<In> extends Readable {
  readonly #source: ManualConsumer<In>

  constructor(system: System, request: ReadRequest<In>, { signal }: ReadOptions) {
    const source = new ManualConsumer<In>(system, request, {
      events: (events) => this.#pushAll(events),
      ended: () => this.push(null),
      failed: (reason) => this.destroy(errorOf(reason)),
    })
    super({ objectMode: true, highWaterMark: source.maxDemand, ...(signal === undefined ? {} : { signal }) })
    this.#source = source
  }

  override _construct(done: (error?: Error | null) => void): void {
    callbackify(() => this.#source.start())(done)
  }

  override _read(): void {
    this.#want()
  }

  /** Node.js calls `_read` before it takes the event out, and not again until something was pushed: too early, and then never. */
  override read(size?: number): unknown {
    const event: unknown = super.read(size)
    this.#want()
    return event
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    callbackify(() => this.#source.stop())(() => done(error))
  }

  #want(): void {
    this.#source.want(this.#source.maxDemand - this.readableLength)
  }

  #pushAll(events: readonly In[]): void {
    for (const event of events) {
      if (event === null) {
        this.destroy(new RunnerError('ERR_NULL_EVENT', 'a Node.js stream cannot carry the event null; wrap it'))
        return
      }
      this.push(event)
    }
  }
}

/**
 * A web stream of what a stage emits. It subscribes when it is made, asks only while its queue has room, and cancels when it is
 * cancelled. It closes when its source ends cleanly, and errors when the source fails or is missing.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function toReadableStream<In>(
  system: System,
  request: ReadRequest<In>,
  options: ReadOptions = {},
): ReadableStream<In> {
  const { signal } = options
  let controller: ReadableStreamDefaultController<In> | undefined
  const source = new ManualConsumer<In>(system, request, {
    events: (events) => {
      for (const event of events) controller?.enqueue(event)
    },
    ended: () => {
      signal?.removeEventListener('abort', abort)
      controller?.close()
    },
    failed: (reason) => {
      signal?.removeEventListener('abort', abort)
      controller?.error(errorOf(reason))
    },
  })
  const abort = (): void => {
    controller?.error(signal?.reason)
    void source.stop()
  }
  return new ReadableStream<In>(
    {
      start: async (own) => {
        controller = own
        signal?.throwIfAborted()
        signal?.addEventListener('abort', abort, { once: true })
        await source.start()
      },
      pull: (own) => source.want(own.desiredSize ?? 0),
      cancel: async () => {
        signal?.removeEventListener('abort', abort)
        await source.stop()
      },
    },
    { highWaterMark: source.maxDemand },
  )
}

function errorOf(reason: ExitReason): Error {
  return reason instanceof Error ? reason : new ExitError('the source of a stream', reason)
}
