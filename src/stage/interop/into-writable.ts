/** A consumer that writes into a stream. What the stream cannot take yet is not asked for. */

import type { Writable } from 'node:stream'

import { notAFunction, refuse, unknownOptions } from '../../process/mistakes.ts'
import type { AccepterOptions } from '../callbacks.ts'
import { consumer, type ConsumerDefinition } from '../definition.ts'
import { endWithSources } from '../ready-made/end-with-sources.ts'
import { tieTogether } from './tie-together.ts'
import { writeTarget, type WebWritable } from './write-target.ts'

/** Options of {@link intoWritable}. */
export interface IntoWritableOptions<In> extends AccepterOptions<In> {
  /** Makes the stream, once for each start of the stage. Nobody else may write to it. */
  open(): Writable | WebWritable<In>
}

/**
 * Writes events into a stream of Node.js or of the web. The next events are asked for when the stream has taken these, so
 * `maxDemand` bounds what is on its way. When the last source has ended cleanly it ends the stream, waits until all is flushed,
 * and ends with `normal`. An error of the stream ends the stage with it; a stage that ends otherwise destroys the stream.
 *
 * @throws `ERR_BAD_OPTIONS`.
 */
export function intoWritable<In>(options: IntoWritableOptions<In>): ConsumerDefinition<In> {
  refuse('intoWritable', [
    ...unknownOptions('intoWritable', options, ['open', 'subscribeTo']),
    ...notAFunction('open', options.open),
  ])
  return consumer<In>((self) => {
    const target = writeTarget(options.open())
    tieTogether(self, target)
    return {
      ...endWithSources<In, never>(self, { subscribeTo: options.subscribeTo, flush: () => target.end() }),
      handleEvents: (events) => target.write(events),
    }
  })
}
