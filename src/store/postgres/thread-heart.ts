/**
 * A heart in a thread of its own: a handler that blocks the event loop of the main thread does not make its node look dead.
 * When the thread dies, a new one beats for the same nodes.
 */

import { Worker } from 'node:worker_threads'
import type { Host } from '../../host/host.ts'
import type { NodeSnapshot, RescueRequest } from '../store.ts'
import { BeatMark, BlockingAnswer } from '../thread-signals.ts'
import type { Address } from './database.ts'
import type { Heart } from './heart.ts'

/** What the thread is told. */
export type HeartRequest =
  /** The memory of the node's {@link BeatMark}. */
  | { readonly type: 'beat'; readonly node: string; readonly beatMs: number; readonly memory: SharedArrayBuffer }
  | { readonly type: 'carry'; readonly node: string; readonly snapshot: NodeSnapshot | null }
  | { readonly type: 'stop'; readonly node: string }
  /** Rescue the node, and answer into the memory: nobody on the other side can receive a message any more. */
  | { readonly type: 'rescue'; readonly request: RescueRequest; readonly memory: SharedArrayBuffer }
  | { readonly type: 'close' }

/** How soon a thread that died is replaced. */
const RESTART_MS = 250

/** See the head of this file. */
export class ThreadHeart implements Heart {
  readonly #host: Host
  readonly #address: Address
  readonly #nodes = new Map<string, { readonly beatMs: number; readonly mark: BeatMark }>()
  #worker: Worker | null = null
  #isClosed = false

  constructor(host: Host, address: Address) {
    this.#host = host
    this.#address = address
  }

  beatFor(node: string, beatMs: number): void {
    const mark = this.#nodes.get(node)?.mark ?? new BeatMark()
    mark.confirm(0)
    this.#nodes.set(node, { beatMs, mark })
    this.#start().postMessage({ type: 'beat', node, beatMs, memory: mark.memory } satisfies HeartRequest)
  }

  confirm(node: string, agoMs: number): void {
    this.#nodes.get(node)?.mark.confirm(agoMs)
  }

  silenceMs(node: string): number {
    return this.#nodes.get(node)?.mark.silenceMs() ?? Infinity
  }

  vouch(node: string, forMs: number): void {
    this.#nodes.get(node)?.mark.vouch(forMs)
  }

  rescueSync(request: RescueRequest, limitMs: number): boolean {
    if (this.#worker === null || this.#isClosed) return false
    const answer = new BlockingAnswer()
    this.#worker.postMessage({ type: 'rescue', request, memory: answer.memory } satisfies HeartRequest)
    return answer.wait(limitMs)
  }

  carry(node: string, snapshot: NodeSnapshot | null): void {
    this.#worker?.postMessage({ type: 'carry', node, snapshot } satisfies HeartRequest)
  }

  stop(node: string): void {
    this.#nodes.delete(node)
    this.#worker?.postMessage({ type: 'stop', node } satisfies HeartRequest)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#worker
    if (worker === null) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    worker.ref()
    worker.postMessage({ type: 'close' } satisfies HeartRequest)
    await ended
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker
    const worker = new Worker(new URL('./heart-thread.js', import.meta.url), {
      name: 'millrace-heart',
      workerData: this.#address,
      // Loaders and flags of the main program have no business in here, and would slow its start.
      execArgv: [],
    })
    worker.unref()
    worker.on('error', (error) =>
      this.#host.logger.log({ level: 'error', code: 'heart_thread_died', args: [error.stack ?? error.message] }),
    )
    worker.on('exit', () => {
      this.#worker = null
      if (this.#isClosed || this.#nodes.size === 0) return
      this.#host.clock.after(RESTART_MS, () => this.#resume(), { keepAlive: false })
    })
    this.#worker = worker
    return worker
  }

  #resume(): void {
    if (this.#isClosed) return
    for (const [node, { beatMs, mark }] of this.#nodes) {
      this.#start().postMessage({ type: 'beat', node, beatMs, memory: mark.memory } satisfies HeartRequest)
    }
  }
}
