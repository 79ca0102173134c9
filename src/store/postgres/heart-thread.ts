/** The thread of `thread-heart.ts`: beats until it is told to close, or ends with its process, whose last words it passes on. */

import { parentPort, workerData } from 'node:worker_threads'
import { unreachable } from '../../host/errors.ts'
import { nodeHost } from '../../host/host.ts'
import { Database, type Address } from './database.ts'
import type { RescueRequest } from '../store.ts'
import { BeatMark, BlockingAnswer } from '../thread-signals.ts'
import { LoopHeart } from './heart.ts'
import { rescueNode } from './statements/rescue-node.ts'
import type { HeartRequest } from './thread-heart.ts'

/** Serves requests until it is told to close. */
function serve(port: NonNullable<typeof parentPort>, address: Address): void {
  const database = new Database(address)
  const marks = new Map<string, BeatMark>()
  const heart = new LoopHeart(nodeHost().clock, database, {
    onBeat: (node, agoMs) => marks.get(node)?.confirm(agoMs),
    isVouched: (node) => marks.get(node)?.isVouched() ?? true,
  })
  // Only `thread-heart.ts` has the other end of the port.
  port.on('message', (request: HeartRequest) => {
    switch (request.type) {
      case 'beat':
        marks.set(request.node, new BeatMark(request.memory))
        heart.beatFor(request.node, request.beatMs)
        return
      case 'carry':
        heart.carry(request.node, request.snapshot)
        return
      case 'stop':
        heart.stop(request.node)
        marks.delete(request.node)
        return
      case 'rescue':
        void rescue(database, request.request, new BlockingAnswer(request.memory))
        return
      case 'close':
        void heart
          .close()
          .then(() => database.close())
          .finally(() => port.close())
        return
      default:
        unreachable(request)
    }
  })
}

/** A failure has nobody to be told to: whoever asked is about to end, and others rescue the node later. */
async function rescue(database: Database, request: RescueRequest, answer: BlockingAnswer): Promise<void> {
  try {
    answer.give((await database.general.transaction((db) => rescueNode(db, request))) !== null)
  } catch {
    answer.give(false)
  }
}

if (parentPort !== null) {
  // Given by `thread-heart.ts`, the only one that starts this file.
  serve(parentPort, workerData as Address)
}
