/**
 * The thread of the threaded store: runs one verb after the other on its own connection, and beats on its own timers, so
 * that nothing the main thread does can stop a beat. Started by `thread-store.ts`; ends when it is told to close, or with
 * its process. It keeps no state that the database does not have, except which nodes to beat for.
 */

import { parentPort, workerData } from 'node:worker_threads'
import { unreachable } from '../../host/errors.ts'
import { nodeHost } from '../../host/host.ts'
import type { RescueRequest } from '../store.ts'
import { BeatMark, BlockingAnswer } from '../thread-signals.ts'
import { LiveCore, liveHost } from './live-core.ts'
import { packError, type ThreadReply, type ThreadRequest, type ThreadSettings } from './thread-protocol.ts'

/** Serves requests until it is told to close. */
function serve(port: NonNullable<typeof parentPort>, settings: ThreadSettings): void {
  process.once('exit', () => new BlockingAnswer(settings.ended).give(true))
  const send = (reply: ThreadReply): void => port.postMessage(reply)
  const marks = new Map<string, BeatMark>()
  const host = nodeHost({ logger: { log: (record) => send({ type: 'log', record: withPlainArgs(record) }) } })
  const core = new LiveCore(liveHost(host, settings.core), {
    onChange: () => send({ type: 'change' }),
    onBeat: (node, agoMs) => marks.get(node)?.confirm(agoMs),
    isVouched: (node) => marks.get(node)?.isVouched() ?? true,
  })
  const answer = (id: number, run: () => unknown): void => {
    try {
      send({ type: 'answer', id, answer: run() })
    } catch (error) {
      send({ type: 'error', id, error: packError(error) })
    }
  }
  // Only `thread-store.ts` has the other end of the port.
  port.on('message', (request: ThreadRequest) => {
    switch (request.type) {
      case 'call':
        // The verb and its arguments were put together by a typed method on the other side.
        answer(request.id, () => core.call(request.verb, request.args as never))
        return
      case 'listen':
        core.listen(request.isListening)
        return
      case 'beat':
        core.resumeBeat(request.node)
        return
      case 'mark':
        marks.set(request.node, new BeatMark(request.memory))
        return
      case 'rescue':
        new BlockingAnswer(request.memory).give(isRescued(core, request.request))
        return
      case 'halt':
        port.close()
        closeQuietly(core)
        return
      case 'close':
        answer(request.id, () => core.close())
        port.close()
        return
      default:
        unreachable(request)
    }
  })
}

/** A failure has nobody to be told to: whoever asked is about to end, and others rescue the node later. */
function isRescued(core: LiveCore, request: RescueRequest): boolean {
  try {
    return core.call('rescueNode', [request]) !== null
  } catch {
    return false
  }
}

/** That it failed has nobody to be told to either. */
function closeQuietly(core: LiveCore): void {
  try {
    core.close()
  } catch {
    // The process ends, and with it whatever was left open.
  }
}

/** Errors in log records lose their fields on the way; their text does not. */
function withPlainArgs<R extends { readonly args: readonly unknown[] }>(record: R): R {
  return { ...record, args: record.args.map((arg) => (arg instanceof Error ? (arg.stack ?? arg.message) : arg)) }
}

if (parentPort !== null) {
  // Given by `thread-store.ts`, the only one that starts this file.
  serve(parentPort, workerData as ThreadSettings)
}
