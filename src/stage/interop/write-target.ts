/** What the stages that write into streams need of one, whichever kind it is. */

import { Writable } from 'node:stream'
import { finished } from 'node:stream/promises'

/** A `WritableStream`, as far as it is used: the types of Node.js and of browsers differ in the rest. */
export interface WebWritable<In> {
  getWriter(): WebWriter<In>
}

/** A `WritableStreamDefaultWriter`, as far as it is used. */
export interface WebWriter<In> {
  readonly ready: Promise<unknown>
  readonly closed: Promise<unknown>
  write(chunk: In): Promise<void>
  close(): Promise<void>
  abort(reason?: unknown): Promise<void>
}

/** A stream that is written into by one stage. */
export interface WriteTarget<In> {
  /** Rejects when the stream fails, and resolves when it has ended in order. */
  readonly closed: Promise<unknown>
  /** Writes events; the promise resolves when the stream would take more. */
  write(events: readonly In[]): void | Promise<void>
  /** Ends it in order; resolves when all is flushed. */
  end(): Promise<void>
  /** Gives it up. */
  abandon(reason: unknown): void
}

/** Opens a target on a stream that nobody else writes to. */
export function writeTarget<In>(stream: Writable | WebWritable<In>): WriteTarget<In> {
  return stream instanceof Writable ? nodeTarget(stream) : webTarget(stream)
}

function nodeTarget<In>(stream: Writable): WriteTarget<In> {
  let waiting: { readonly resolve: () => void; readonly reject: (error: unknown) => void } | undefined
  const closed = finished(stream, { readable: false })
  stream.on('drain', () => waiting?.resolve())
  closed.catch((error: unknown) => waiting?.reject(error))
  const writeFrom = (events: readonly In[], first: number): void | Promise<void> => {
    for (let index = first; index < events.length; index++) {
      if (stream.write(events[index])) continue
      const drained = new Promise<void>((resolve, reject) => {
        waiting = { resolve, reject }
      })
      return drained.then(() => writeFrom(events, index + 1))
    }
    return undefined
  }
  return {
    closed,
    write: (events) => writeFrom(events, 0),
    end: async () => {
      stream.end()
      await closed
    },
    abandon: (reason) => {
      stream.destroy(reason instanceof Error ? reason : undefined)
    },
  }
}

function webTarget<In>(stream: WebWritable<In>): WriteTarget<In> {
  const writer = stream.getWriter()
  return {
    closed: writer.closed,
    write: async (events) => {
      for (const event of events) {
        await writer.ready
        // A write that fails fails `ready` and `closed` too.
        writer.write(event).catch(() => {})
      }
      await writer.ready
    },
    end: () => writer.close(),
    abandon: (reason) => {
      writer.abort(reason).catch(() => {})
    },
  }
}
