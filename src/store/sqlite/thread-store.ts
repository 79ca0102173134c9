/**
 * The embedded store in a thread of its own, so that waiting for the disk or for another process's lock never blocks the
 * caller, and a caller that blocks never stops a beat.
 *
 *     idle ──verb──▶ running ──close──▶ closed
 *      ▲                │
 *      └─── crashed ◀───┘ the thread died: calls in flight are rejected with ERR_STORE_UNAVAILABLE; after a pause that grows
 *                         with each crash in a row, a new thread starts and beats again for the nodes of this process
 *
 * The thread keeps the process alive only while a call is in flight or a node is registered.
 */

import { Worker } from 'node:worker_threads'
import type { Timer } from '../../host/clock.ts'
import { RunnerError, unreachable } from '../../host/errors.ts'
import type { Host } from '../../host/host.ts'
import { atProcessExit } from '../../host/process-exit.ts'
import { uuidV4 } from '../../host/uuid.ts'
import { OutcomeUnknownError, storeError } from '../errors.ts'
import type { RescueRequest, Store } from '../store.ts'
import { BeatMark, BlockingAnswer } from '../thread-signals.ts'
import type { BeatingNode, CoreOptions, CoreVerb, VerbAnswer, VerbArgs } from './core.ts'
import { forwardVerbs } from './forward-verbs.ts'
import { chooseEngine } from './load-engine.ts'
import { unpackError, type ThreadReply, type ThreadRequest, type ThreadSettings } from './thread-protocol.ts'
import { handleVerbs } from './user-connection.ts'

/** The pause after a first crash, and the longest one. */
const RESTART_MIN_MS = 100
const RESTART_MAX_MS = 5_000

/** How long an exit of the process waits for the call that its thread has in its hands. A large one takes a while on a busy machine. */
const HALT_MS = 10_000

/** Makes an embedded store with a thread, which starts with the first verb. */
export function threadStore(host: Host, options: CoreOptions): Store {
  const thread = new StoreThread(host, options)
  return {
    ...forwardVerbs((verb, args) => thread.call(verb, args)),
    // On the caller's thread, because the connection is there.
    ...handleVerbs({
      ...options,
      host: { now: () => host.clock.now(), uuid: () => uuidV4(host) },
      checkOpen: () => thread.checkOpen(),
    }),
    rescueNodeSync: (request, limitMs) => thread.rescueSync(request, limitMs),
    silenceMs: (node) => thread.silenceMs(node),
    timesUnheard: () => 0,
    vouch: (node, forMs) => thread.vouch(node, forMs),
    onChange: (_about, listener) => thread.subscribe(listener),
    close: () => thread.close(),
  }
}

interface Pending {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
}

/** The thread died while it had a call, which it may have carried out. Code `ERR_STORE_UNAVAILABLE`. */
class ThreadDiedError extends RunnerError {
  constructor(cause: unknown) {
    super('ERR_STORE_UNAVAILABLE', `the store's thread died before it answered`, { cause })
  }
}

class StoreThread {
  readonly #host: Host
  readonly #options: CoreOptions
  readonly #pending = new Map<number, Pending>()
  readonly #nodes = new Map<string, BeatingNode>()
  readonly #marks = new Map<string, BeatMark>()
  readonly #listeners = new Set<() => void>()
  #worker: Worker | null = null
  #nextId = 1
  #closing: Promise<void> | null = null
  #pause: Timer | null = null
  #pauseMs = RESTART_MIN_MS

  constructor(host: Host, options: CoreOptions) {
    this.#host = host
    this.#options = options
  }

  async call<V extends CoreVerb>(verb: V, args: VerbArgs<V>): Promise<VerbAnswer<V>> {
    this.checkOpen()
    if (verb === 'registerNode') this.#mark((args as VerbArgs<'registerNode'>)[0].id)
    const answer = this.#request((id) => ({ type: 'call', id, verb, args }))
    if (verb === 'insertJobs') return this.#orUnknown(answer as Promise<VerbAnswer<V>>, args as VerbArgs<'insertJobs'>)
    if (verb === 'claimJobs') return this.#orSilent(answer as Promise<VerbAnswer<V>>, args as VerbArgs<'claimJobs'>)
    if (verb === 'registerNode') {
      const [{ id, beatMs }] = args as VerbArgs<'registerNode'>
      await answer
      this.#nodes.set(id, { id, beatMs })
    }
    if (verb === 'retireNode') {
      await answer
      this.#nodes.delete((args as VerbArgs<'retireNode'>)[0])
      this.#marks.delete((args as VerbArgs<'retireNode'>)[0])
    }
    this.#holdProcess()
    // The thread answers with what the verb of this name answers.
    return (await answer) as VerbAnswer<V>
  }

  rescueSync(request: RescueRequest, limitMs: number): boolean {
    if (this.#worker === null || this.#closing !== null) return false
    const answer = new BlockingAnswer()
    this.#send({ type: 'rescue', request, memory: answer.memory })
    return answer.wait(limitMs)
  }

  silenceMs(node: string): number {
    return this.#marks.get(node)?.silenceMs() ?? Infinity
  }

  vouch(node: string, forMs: number): void {
    this.#marks.get(node)?.vouch(forMs)
  }

  /** Before the node is registered, so that its first beat is not missed. */
  #mark(node: string): void {
    if (this.#marks.has(node)) return
    const mark = new BeatMark()
    this.#marks.set(node, mark)
    this.#send({ type: 'mark', node, memory: mark.memory })
  }

  /** Jobs that were on their way when the thread died may be stored or not. */
  async #orUnknown<T>(answer: Promise<T>, [jobs]: VerbArgs<'insertJobs'>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (!(error instanceof ThreadDiedError)) throw error
      throw new OutcomeUnknownError(
        jobs.map(({ id }) => id),
        error,
      )
    } finally {
      this.#holdProcess()
    }
  }

  /**
   * What the thread claimed when it died, nobody here knows of, and nobody else frees it while the node is beaten for. So the
   * node is told from now on that it is not heard: it withdraws and retires, which hands back all that it holds.
   */
  async #orSilent<T>(answer: Promise<T>, [{ node }]: VerbArgs<'claimJobs'>): Promise<T> {
    try {
      return await answer
    } catch (error) {
      if (error instanceof ThreadDiedError) this.#marks.delete(node)
      throw error
    } finally {
      this.#holdProcess()
    }
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener)
    if (this.#listeners.size === 1) this.#send({ type: 'listen', isListening: true })
    return () => {
      if (this.#listeners.delete(listener) && this.#listeners.size === 0) {
        this.#send({ type: 'listen', isListening: false })
      }
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  async #close(): Promise<void> {
    this.#pause?.cancel()
    this.#listeners.clear()
    const worker = this.#worker
    if (worker === null) return
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    try {
      // Calls that were made before are answered before.
      await this.#request((id) => ({ type: 'close', id }))
    } catch (error) {
      // A thread that dies while it closes has let go of the database too.
      if (this.#worker !== null) throw error
    } finally {
      this.#worker?.ref()
      if (this.#worker !== null) await ended
    }
  }

  #request(make: (id: number) => ThreadRequest): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++
      const worker = this.#start()
      worker.postMessage(make(id))
      this.#pending.set(id, { resolve, reject })
      this.#holdProcess()
    })
  }

  /** For messages that a thread is told anyway when it starts. */
  #send(request: ThreadRequest): void {
    if (this.#closing === null) this.#worker?.postMessage(request)
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker
    if (this.#pause !== null) {
      throw storeError('ERR_STORE_UNAVAILABLE', `the store's thread died and starts again soon; call again`)
    }
    // Here, because only this thread knows what the program has loaded; a new thread inherits the choice.
    chooseEngine()
    const ended = new BlockingAnswer()
    const settings: ThreadSettings = { core: this.#options, ended: ended.memory }
    const worker = new Worker(new URL('./store-thread.js', import.meta.url), {
      name: 'millrace-store',
      workerData: settings,
      // Loaders and flags of the main program have no business in here, and would slow its start.
      execArgv: [],
    })
    worker.unref()
    let cause: unknown
    // Only `store-thread.ts` has the other end.
    worker.on('message', (reply: ThreadReply) => this.#receive(reply))
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', (exitCode) => this.#ended(cause ?? new Error(`the thread ended with exit code ${exitCode}`)))
    this.#worker = worker
    // The driver's addon does not stand it that its thread ends in the middle of a call: it would end the process as a crash
    // (`terminate called after throwing an instance of 'Napi::Error'`).
    const forget = atProcessExit(() => {
      worker.postMessage({ type: 'halt' } satisfies ThreadRequest)
      ended.wait(HALT_MS)
    })
    worker.once('exit', forget)
    if (this.#listeners.size > 0) this.#send({ type: 'listen', isListening: true })
    for (const [node, { memory }] of this.#marks) this.#send({ type: 'mark', node, memory })
    for (const node of this.#nodes.values()) this.#send({ type: 'beat', node })
    this.#host.trace.point('store:thread-started', worker)
    return worker
  }

  #receive(reply: ThreadReply): void {
    switch (reply.type) {
      case 'change':
        for (const listener of this.#listeners) listener()
        return
      case 'log':
        this.#host.logger.log(reply.record)
        return
      case 'answer':
      case 'error': {
        const pending = this.#pending.get(reply.id)
        this.#pending.delete(reply.id)
        this.#pauseMs = RESTART_MIN_MS
        this.#holdProcess()
        if (reply.type === 'answer') pending?.resolve(reply.answer)
        else pending?.reject(unpackError(reply.error))
        return
      }
      default:
        unreachable(reply)
    }
  }

  #ended(cause: unknown): void {
    this.#worker = null
    const calls = [...this.#pending.values()]
    this.#pending.clear()
    if (this.#closing === null) this.#startLater()
    for (const { reject } of calls) {
      reject(new ThreadDiedError(cause))
    }
    if (this.#closing === null) {
      this.#host.logger.log({ level: 'error', code: 'store_thread_died', args: [cause] })
    }
  }

  #startLater(): void {
    const keepAlive = this.#nodes.size > 0
    this.#pause = this.#host.clock.after(
      this.#pauseMs,
      () => {
        this.#pause = null
        // Without a node the next verb is early enough.
        if (this.#nodes.size > 0 || this.#listeners.size > 0) this.#start()
        this.#holdProcess()
      },
      { keepAlive },
    )
    this.#pauseMs = Math.min(RESTART_MAX_MS, this.#pauseMs * 2)
  }

  #holdProcess(): void {
    if (this.#pending.size > 0 || this.#nodes.size > 0) this.#worker?.ref()
    else this.#worker?.unref()
  }

  checkOpen(): void {
    if (this.#closing !== null) throw storeError('ERR_STORE_CLOSED', 'the store was closed; make a new runner to go on')
  }
}
