/**
 * A core with its timers: beats for registered nodes, the look-out for changes by others, and the emptying of an idle log.
 * The inline store runs it on the caller's thread and clock, the threaded one inside its thread.
 *
 *     idle ──first verb──▶ open ──close──▶ closed
 *                           │  beat timer     one for each registered node, until it retires or is found dead
 *                           │  look-out       while somebody listens: quick after a change, slower the longer it is quiet
 *                           └─ upkeep         after writing, until a whole interval has passed without a write
 *
 * A beat that fails is tried again soon; that the node is late, the others see by themselves. After a crash of the process
 * nothing beats any more, which is how the others learn of it.
 */

import { isRetryable } from '../errors.ts'
import type { Clock, Timer } from '../../host/clock.ts'
import type { Host } from '../../host/host.ts'
import type { Logger } from '../../host/logger.ts'
import { uuidV4 } from '../../host/uuid.ts'
import type { NodeSnapshot } from '../store.ts'
import {
  SqliteCore,
  type BeatingNode,
  type CoreOptions,
  type CoreVerb,
  type VerbAnswer,
  type VerbArgs,
} from './core.ts'

/** How soon a change by another process is noticed, at best and at worst. */
const LOOK_MIN_MS = 25
const LOOK_MAX_MS = 250

/** How often an open store with recent writes looks after its log and its file. */
const UPKEEP_MS = 1_000

/** How soon a failed beat is tried again. */
const BEAT_RETRY_MS = 250

const NEVER_HOLDS = { keepAlive: false } as const

/** Verbs after which the log has grown. */
const WRITING: ReadonlySet<CoreVerb> = new Set<CoreVerb>([
  'insertJobs',
  'claimJobs',
  'ackJobs',
  'pruneJobs',
  'deleteJobs',
])

interface Beating {
  readonly beatMs: number
  snapshot: NodeSnapshot | null
  timer: Timer
  /** When the timer should fire, on the monotonic clock. */
  dueAt: number
}

/** A core as a live core uses it. */
export type DrivenCore = Pick<
  SqliteCore,
  CoreVerb | 'beat' | 'hasForeignChange' | 'checkFile' | 'truncateLog' | 'close'
>

/** What a live core takes from outside. */
export interface LiveHost {
  readonly clock: Clock
  readonly logger: Logger
  /** Makes the core. It calls `breathe` as a {@link SqliteCore} does. */
  readonly makeCore: (breathe: () => void) => DrivenCore
  /** Whether others can reach the database too. */
  readonly isShared: boolean
}

/** The outside of a live core with a database of its own. */
export function liveHost(host: Host, options: CoreOptions): LiveHost {
  const { clock, logger } = host
  return {
    clock,
    logger,
    makeCore: (breathe) => new SqliteCore(options, { now: () => clock.now(), uuid: () => uuidV4(host), breathe }),
    // Nobody else can reach a database in memory.
    isShared: options.path !== null,
  }
}

/** Whom a live core tells. */
export interface LiveListeners {
  /** Somebody else has changed the database. */
  readonly onChange: () => void
  /** A beat of the node was confirmed that began `agoMs` milliseconds ago. */
  readonly onBeat: (node: string, agoMs: number) => void
  /** Whether the node vouches for itself; otherwise no beat is made for it. */
  readonly isVouched: (node: string) => boolean
}

/** See the head of this file. */
export class LiveCore {
  readonly #core: DrivenCore
  readonly #host: LiveHost
  readonly #listeners: LiveListeners
  readonly #beating = new Map<string, Beating>()
  #isListening = false
  #lookOut: Timer | null = null
  #upkeep: Timer | null = null
  #hasWritten = false

  constructor(host: LiveHost, listeners: LiveListeners) {
    this.#core = host.makeCore(() => this.#beatOverdue())
    this.#host = host
    this.#listeners = listeners
  }

  /** Runs a verb. */
  call<V extends CoreVerb>(verb: V, args: VerbArgs<V>): VerbAnswer<V> {
    const answer = this.#run(verb, args)
    if (WRITING.has(verb)) this.#noteWrite()
    return answer
  }

  /** Starts or ends the look-out for changes by others. */
  listen(isListening: boolean): void {
    this.#isListening = isListening
    this.#lookOut?.cancel()
    this.#lookOut = null
    if (isListening && this.#host.isShared) this.#lookAgainIn(LOOK_MIN_MS)
  }

  /** Beats for a node that is registered already. */
  resumeBeat(node: BeatingNode): void {
    this.#beating.get(node.id)?.timer.cancel()
    const beating = { beatMs: node.beatMs, snapshot: null, ...this.#beatIn(node.id, node.beatMs) }
    this.#beating.set(node.id, beating)
  }

  /** Ends all timers and the connection. */
  close(): void {
    for (const { timer } of this.#beating.values()) timer.cancel()
    this.#beating.clear()
    this.listen(false)
    this.#upkeep?.cancel()
    this.#upkeep = null
    this.#core.close()
  }

  #run<V extends CoreVerb>(verb: V, args: VerbArgs<V>): VerbAnswer<V> {
    if (verb === 'publishSnapshot') {
      const [node, snapshot, isUrgent] = args as VerbArgs<'publishSnapshot'>
      const beating = this.#beating.get(node)
      // An older one that still waits for its beat must not come after an urgent one.
      if (beating !== undefined) beating.snapshot = isUrgent ? null : snapshot
      if (beating !== undefined && !isUrgent) return undefined as VerbAnswer<V>
    }
    if (verb === 'retireNode') this.#stopBeat((args as VerbArgs<'retireNode'>)[0])
    // The compiler cannot see that the verb and its arguments belong together; the signature of `call` says so.
    const run = this.#core[verb] as (...args: unknown[]) => unknown
    const startedAt = this.#host.clock.monotonic()
    const answer = run.apply(this.#core, args as unknown[])
    if (verb === 'registerNode') {
      const [node] = args as VerbArgs<'registerNode'>
      this.#listeners.onBeat(node.id, this.#host.clock.monotonic() - startedAt)
      this.resumeBeat(node)
    }
    return answer as VerbAnswer<V>
  }

  #beatIn(node: string, ms: number): Pick<Beating, 'timer' | 'dueAt'> {
    const { clock } = this.#host
    return { timer: clock.after(ms, () => this.#beat(node), NEVER_HOLDS), dueAt: clock.monotonic() + ms }
  }

  /** A long verb keeps the timers from firing; it lets the beats through between its steps. */
  #beatOverdue(): void {
    const now = this.#host.clock.monotonic()
    for (const [node, { timer, dueAt }] of this.#beating) {
      if (dueAt > now) continue
      timer.cancel()
      this.#beat(node)
    }
  }

  #beat(node: string): void {
    const beating = this.#beating.get(node)
    if (beating === undefined) return
    if (!this.#listeners.isVouched(node)) {
      Object.assign(beating, this.#beatIn(node, beating.beatMs))
      return
    }
    try {
      const startedAt = this.#host.clock.monotonic()
      const isAlive = this.#core.beat(node, beating.snapshot)
      if (isAlive) this.#listeners.onBeat(node, this.#host.clock.monotonic() - startedAt)
      else {
        // Declared dead: another life needs another id. The node learns it from `readOrders`.
        this.#beating.delete(node)
        return
      }
      beating.snapshot = null
      Object.assign(beating, this.#beatIn(node, beating.beatMs))
    } catch (error) {
      if (!isRetryable(error)) {
        this.#host.logger.log({ level: 'error', code: 'beat_failed', args: [node, error] })
      }
      const pauseMs = isRetryable(error) ? Math.min(BEAT_RETRY_MS, beating.beatMs) : beating.beatMs
      Object.assign(beating, this.#beatIn(node, pauseMs))
    }
  }

  #stopBeat(node: string): void {
    this.#beating.get(node)?.timer.cancel()
    this.#beating.delete(node)
  }

  #lookAgainIn(ms: number): void {
    this.#lookOut = this.#host.clock.after(ms, () => this.#look(ms), NEVER_HOLDS)
  }

  #look(waitedMs: number): void {
    if (!this.#isListening) return
    let isChanged: boolean
    try {
      isChanged = this.#core.hasForeignChange()
    } catch {
      // Nothing can be learnt now. The next verb meets the same trouble and reports it to somebody who can act.
      isChanged = false
    }
    this.#lookAgainIn(isChanged ? LOOK_MIN_MS : Math.min(LOOK_MAX_MS, waitedMs * 1.25))
    if (isChanged) this.#listeners.onChange()
  }

  #noteWrite(): void {
    this.#hasWritten = true
    if (this.#host.isShared && this.#upkeep === null) this.#upkeepLater()
  }

  #upkeepLater(): void {
    this.#upkeep = this.#host.clock.after(UPKEEP_MS, () => this.#keepUp(), NEVER_HOLDS)
  }

  #keepUp(): void {
    this.#upkeep = null
    this.#core.checkFile()
    if (this.#hasWritten) {
      this.#hasWritten = false
      this.#upkeepLater()
      return
    }
    try {
      this.#core.truncateLog()
    } catch (error) {
      this.#host.logger.log({ level: 'warn', code: 'checkpoint_failed', args: [error] })
    }
  }
}
