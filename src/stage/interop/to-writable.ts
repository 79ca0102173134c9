/** A writable stream that feeds a stage: a chunk is taken when the stage's queue has room for it. */

import { Writable } from 'node:stream'
import { WritableStream } from 'node:stream/web'
import { callbackify } from 'node:util'

import { finish, push } from '../ready-made/buffering-producer.ts'
import type { ProducerRef } from '../stage-ref.ts'

/**
 * A Node.js stream, in object mode, that pushes what is written into a running `bufferingProducer`. It is full while the
 * producer's queue is; ending it ends the producer when all is taken, and destroying it ends the producer with the error.
 */
export function toWritable<Out>(to: ProducerRef<Out>): Writable {
  return new Writable({
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
export function toWritableStream<Out>(to: ProducerRef<Out>): WritableStream<Out> {
  return new WritableStream<Out>(
    {
      write: (chunk) => push(to, [chunk]),
      close: () => finish(to),
      abort: (reason) => to.stop(reason instanceof Error ? reason : 'shutdown'),
    },
    { highWaterMark: 1 },
  )
}
