/** A writable stream that feeds a stage: a chunk is taken when the stage's queue has room for it. */

import { Writable } from 'node:stream'
import { WritableStream } from 'node:stream/web'
import { callbackify } from 'node:util'

import { finish, push } from '../ready-made/buffering-producer.ts'
import type { ProducerRef } from '../stage-ref.ts'

/** Options of {@link toWritable} and {@link toWritableStream}. */
export interface WriteOptions {
  /** Ends the writing: the stream fails with the signal's reason, and the producer ends with it. */
  readonly signal?: AbortSignal | undefined
}

/**
 * A Node.js stream, in object mode, that pushes what is written into a running `bufferingProducer`. It is full while the
 * producer's queue is; ending it ends the producer when all is taken, and destroying it ends the producer with the error.
 */
export function toWritable<Out>(to: ProducerRef<Out>, { signal }: WriteOptions = {}): Writable {
  return new Writable({
    ...(signal === undefined ? {} : { signal }),
    objectMode: true,
    // The room is the producer's.
    highWaterMark: 1,
    write: (chunk: Out, _encoding, done) => {
      callbackify(() => push(to, [chunk]))(done)
    },
    final: (done) => {
      callbackify(() => finish(to))(done)
    },
    destroy: (error, done) => {
      callbackify(() => to.stop(error ?? 'shutdown'))(() => done(error))
    },
  })
}

/**
 * A web stream that pushes what is written into a running `bufferingProducer`. Closing it ends the producer when all is taken;
 * aborting it ends the producer with the reason.
 */
export function toWritableStream<Out>(to: ProducerRef<Out>, { signal }: WriteOptions = {}): WritableStream<Out> {
  const end = (reason: unknown): Promise<void> => to.stop(reason instanceof Error ? reason : 'shutdown')
  return new WritableStream<Out>(
    {
      start: (controller) => {
        if (signal === undefined) return
        const abort = (): void => {
          controller.error(signal.reason)
          void end(signal.reason)
        }
        if (signal.aborted) return abort()
        signal.addEventListener('abort', abort, { once: true })
        to.monitor(() => signal.removeEventListener('abort', abort))
      },
      write: (chunk) => push(to, [chunk]),
      close: () => finish(to),
      abort: end,
    },
    { highWaterMark: 1 },
  )
}
