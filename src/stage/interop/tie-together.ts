/** The lives of a stage and of the stream it writes into, tied together. */

import { reasonOf } from '../../process/exit-reason.ts'
import type { Self } from '../callbacks.ts'
import type { WriteTarget } from './write-target.ts'

/** Ends the stage when the stream fails, and gives the stream up when the stage is gone before it ended. */
export function tieTogether<Out, In>(self: Self<Out>, target: WriteTarget<In>): void {
  let isOpen = true
  target.closed.then(
    () => {
      isOpen = false
    },
    (error: unknown) => {
      isOpen = false
      if (self.isAlive) self.stop(reasonOf(error))
    },
  )
  self.signal.addEventListener('abort', () => {
    if (isOpen) target.abandon(self.signal.reason)
  })
}
