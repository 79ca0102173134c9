/** A stage around a transform of Node.js or of the web: events go in, and what it makes of them goes on. */

import { Duplex } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { TransformStream } from 'node:stream/web'

import { notAFunction, refuse } from '../../process/mistakes.ts'
import type { AccepterOptions, EmitterOptions } from '../callbacks.ts'
import { producerConsumer, type ProducerConsumerDefinition } from '../definition.ts'
import { endWithSources } from '../ready-made/end-with-sources.ts'
import { tieTogether } from './tie-together.ts'
import { writeTarget, type WebWritable } from './write-target.ts'

/** A `TransformStream`, as far as it is told from others: the types of Node.js and of browsers differ in the rest. */
export interface WebTransform<In, Out> {
  readonly writable: WebWritable<In>
  readonly readable: { getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Out | undefined }> } }
}

/** Options of {@link throughTransform}. */
export interface ThroughTransformOptions<In, Out> extends AccepterOptions<In>, EmitterOptions<Out> {
  /** Makes the transform, once for each start of the stage. Nobody else may write to it or read from it. */
  open(): Duplex | WebTransform<In, Out>
}

/**
 * Sends events through a transform. Events are written only while somebody downstream has demand, and the next ones are asked
 * for when the transform has taken these. When the last source has ended cleanly, the transform is ended and what it still gives
 * goes on. An error of the transform ends the stage with it.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function throughTransform<In, Out>(
  options: ThroughTransformOptions<In, Out>,
): ProducerConsumerDefinition<In, Out> {
  const { open, ...stage } = options
  refuse('throughTransform', notAFunction('open', open))
  return producerConsumer<In, Out>((self) => {
    const opened = open()
    // Nothing but a TransformStream has these two sides; Node.js checks it.
    const duplex =
      opened instanceof Duplex ? opened : Duplex.fromWeb(opened as TransformStream<In, Out>, { objectMode: true })
    const target = writeTarget<In>(duplex)
    let made: Out[] = []
    const take = (): readonly Out[] => {
      const events = made
      made = []
      return events
    }
    let isHandling = false
    const handled = (): readonly Out[] => {
      isHandling = false
      return take()
    }
    duplex.on('data', (event: Out) => {
      if (isHandling) made.push(event)
      else self.emit([event])
    })
    const ended = finished(duplex)
    ended.catch(() => {}) // told by the target, too
    tieTogether(self, target)
    return {
      ...stage,
      ...endWithSources(self, {
        subscribeTo: stage.subscribeTo,
        flush: async () => {
          isHandling = true
          await target.end()
          await ended
          return handled()
        },
      }),
      handleEvents: async (events) => {
        isHandling = true
        await target.write(events)
        return handled()
      },
    }
  })
}
