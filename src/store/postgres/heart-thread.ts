/** The thread of `thread-heart.ts`: beats until it is told to close, or ends with its process. */

import { parentPort, workerData } from 'node:worker_threads'
import { unreachable } from '../../host/errors.ts'
import { nodeHost } from '../../host/host.ts'
import { Database, type Address } from './database.ts'
import { LoopHeart } from './heart.ts'
import type { HeartRequest } from './thread-heart.ts'

/** Serves requests until it is told to close. */
function serve(port: NonNullable<typeof parentPort>, address: Address): void {
  const heart = new LoopHeart(nodeHost().clock, new Database(address))
  // Only `thread-heart.ts` has the other end of the port.
  port.on('message', (request: HeartRequest) => {
    switch (request.type) {
      case 'beat':
        heart.beatFor(request.node, request.beatMs)
        return
      case 'carry':
        heart.carry(request.node, request.snapshot)
        return
      case 'stop':
        heart.stop(request.node)
        return
      case 'close':
        void heart.close().finally(() => port.close())
        return
      default:
        unreachable(request)
    }
  })
}

if (parentPort !== null) {
  // Given by `thread-heart.ts`, the only one that starts this file.
  serve(parentPort, workerData as Address)
}
