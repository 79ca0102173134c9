/**
 * A heart in a thread of its own: a handler that blocks the event loop of the main thread does not make its node look dead.
 * When the thread dies, a new one beats for the same nodes.
 */

import { Worker } from 'node:worker_threads'
import type { Host } from '../../host/host.ts'
import type { NodeSnapshot } from '../store.ts'
import type { Address } from './database.ts'
import type { Heart } from './heart.ts'

/** What the thread is told. */
export type HeartRequest =
  | { readonly type: 'beat'; readonly node: string; readonly beatMs: number }
  | { readonly type: 'carry'; readonly node: string; readonly snapshot: NodeSnapshot }
  | { readonly type: 'stop'; readonly node: string }
  | { readonly type: 'close' }

/** How soon a thread that died is replaced. */
const RESTART_MS = 250

/** See the head of this file. */
export class ThreadHeart implements Heart {
  readonly #host: Host
  readonly #address: Address
  readonly #nodes = new Map<string, number>()
  #worker: Worker | null = null
  #isClosed = false

  constructor(host: Host, address: Address) {
    this.#host = host
    this.#address = address
  }

  beatFor(node: string, beatMs: number): void {
    this.#nodes.set(node, beatMs)
    this.#start().postMessage({ type: 'beat', node, beatMs } satisfies HeartRequest)
  }

  carry(node: string, snapshot: NodeSnapshot): void {
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
    for (const [node, beatMs] of this.#nodes) this.beatFor(node, beatMs)
  }
}
