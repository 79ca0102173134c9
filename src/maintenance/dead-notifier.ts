/**
 * The dead-notifier: tells somebody of dead letters, by a function of the user's. A job that fails for good leaves a notice in
 * the store, in the same transaction; any node with such a function takes it from there.
 *
 *     noted ──take──▶ held ──told──▶ gone
 *       ▲              │ the function failed: again after a wait, eight times in all, then given up
 *       │              │ it was found that the job is no dead letter any more ──▶ gone
 *       └──────────────┘ the node stops, or dies and is rescued, or a minute goes by
 *
 * So somebody is told at least once, and more than once when the node dies, or its store is away, between the telling and the
 * end of the notice: the same id and the same end tell that it is the same. Nothing here can fail or delay the end of a job.
 */

import type { Host, Timer } from '../host/host.ts'
import { toErrorRecord } from '../job/error-record.ts'
import type { ErrorRecord } from '../job/job.ts'
import type { JobDetails, Notice, NoticeEnd, Store } from '../store/store.ts'

/** A call of `onDeadLetter`. */
export interface NoticeEvent {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** 1 in the first attempt to tell of it. */
  readonly attempt: number
  /** How long the function ran, in milliseconds. */
  readonly runMs: number
}

/** What a dead-notifier needs. */
export interface DeadNotifierOptions {
  readonly node: string
  readonly store: Pick<Store, 'takeNotices' | 'endNotices' | 'readJob'>
  /** Tells somebody. Its signal fires when it takes too long, and when the node stops. */
  readonly tell: (dead: JobDetails, signal: AbortSignal) => Promise<void>
  readonly onTold: (event: NoticeEvent) => void
  readonly onFailed: (
    event: NoticeEvent & { readonly outcome: 'retry' | 'given-up'; readonly error: ErrorRecord },
  ) => void
  /** The store failed; it is asked again. */
  readonly onError: (error: unknown) => void
}

/** How often it looks for notices of other nodes. */
const LOOK_EVERY_MS = 2_000
/** How many calls of the function run at the same time. */
const CONCURRENCY = 4
/** For how long one may run, and how long its notice is held. */
const TELL_MS = 30_000
const HOLD_MS = 60_000
const MOST_ATTEMPTS = 8
const FIRST_WAIT_MS = 1_000
const LONGEST_WAIT_MS = 5 * 60_000
/** What is told when the node stops gets this long to heed its signal. */
const LAST_GRACE_MS = 1_000

/** See the head of this file. */
export class DeadNotifier {
  readonly #host: Host
  readonly #options: DeadNotifierOptions
  readonly #telling = new Set<Promise<void>>()
  readonly #signals = new Set<AbortController>()
  #timer: Timer | undefined
  #look: Promise<void> = Promise.resolve()
  #isLooking = false
  #mustLookAgain = false
  #isStopped = false

  constructor(host: Host, options: DeadNotifierOptions) {
    this.#host = host
    this.#options = options
  }

  start(): void {
    this.wake()
  }

  /** There may be notices. */
  wake(): void {
    if (this.#isStopped) return
    this.#mustLookAgain = true
    if (!this.#isLooking) this.#look = this.#lookAndGoOn()
  }

  /** Ends: the signals of calls under way fire, and what they did not tell is left to other nodes at once. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#look
    for (const controller of this.#signals) controller.abort(new DOMException('the worker stops', 'AbortError'))
    const grace = new Promise<void>((resolve) => {
      this.#timer = this.#host.clock.after(LAST_GRACE_MS, resolve, { keepAlive: false })
    })
    await Promise.race([Promise.all(this.#telling), grace])
    this.#timer?.cancel()
  }

  async #lookAndGoOn(): Promise<void> {
    this.#isLooking = true
    this.#timer?.cancel()
    while (this.#mustLookAgain && !this.#isStopped) {
      this.#mustLookAgain = false
      await this.#take()
    }
    this.#isLooking = false
    if (this.#isStopped) return
    this.#timer = this.#host.clock.after(LOOK_EVERY_MS, () => this.wake(), { keepAlive: false })
  }

  async #take(): Promise<void> {
    const limit = CONCURRENCY - this.#telling.size
    if (limit <= 0) return
    try {
      const notices = await this.#options.store.takeNotices({ node: this.#options.node, limit, holdMs: HOLD_MS })
      for (const notice of notices) {
        // Whoever ends makes room for the next.
        const telling = this.#tellOf(notice).finally(() => {
          this.#telling.delete(telling)
          this.wake()
        })
        this.#telling.add(telling)
      }
    } catch (error) {
      this.#options.onError(error)
    }
  }

  async #tellOf(notice: Notice): Promise<void> {
    try {
      const again = await this.#attempt(notice)
      await this.#options.store.endNotices([{ seq: notice.seq, attempt: notice.attempt, again }])
      if (again?.isCounted === true && !this.#isStopped)
        this.#host.clock.after(again.inMs, () => this.wake(), { keepAlive: false })
    } catch (error) {
      // The notice is due again when it is not held any more.
      this.#options.onError(error)
    }
  }

  /** Tells somebody; answers what is to become of the notice. */
  async #attempt({ id, diedAt, attempt }: Notice): Promise<NoticeEnd['again']> {
    const { store, tell, onTold } = this.#options
    if (this.#isStopped) return LEFT_TO_OTHERS
    const details = await store.readJob(id)
    // It was retried or removed, or has failed again since, of which there is another notice.
    if (details === null || details.job.state !== 'failed' || details.job.endedAt !== diedAt) return null
    const { name, queue } = details.job
    const startedAt = this.#host.clock.monotonic()
    const event = (): NoticeEvent => ({ id, name, queue, attempt, runMs: this.#host.clock.monotonic() - startedAt })
    try {
      await this.#inTime((signal) => tell(details, signal))
      onTold(event())
      return null
    } catch (error) {
      if (this.#isStopped) return LEFT_TO_OTHERS
      return this.#failed(event(), error)
    }
  }

  #failed(event: NoticeEvent, thrown: unknown): NoticeEnd['again'] {
    const { id, name, attempt } = event
    const error = toErrorRecord(thrown)
    const isLast = attempt >= MOST_ATTEMPTS
    this.#options.onFailed({ ...event, outcome: isLast ? 'given-up' : 'retry', error })
    if (!isLast) return { inMs: this.#waitMs(attempt), isCounted: true }
    const message = `nobody could be told of dead letter ${id} (${name}); gave up after ${attempt} attempts: ${error.message}`
    this.#host.logger.log({ level: 'error', code: 'dead_letter_untold', args: [id, name, thrown], message })
    return null
  }

  /** Longer each time, with a third of it left to chance, so that many do not come back in one moment. */
  #waitMs(attempt: number): number {
    const whole = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 3 ** (attempt - 1))
    return Math.round(whole * (1 - this.#host.random.float() / 3))
  }

  /** Calls `run` with a signal that fires when it takes too long; what does not heed it is not waited for. */
  async #inTime(run: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const controller = new AbortController()
    this.#signals.add(controller)
    const timer = this.#host.clock.after(
      TELL_MS,
      () => controller.abort(new DOMException(`onDeadLetter took longer than ${TELL_MS} ms`, 'TimeoutError')),
      { keepAlive: false },
    )
    try {
      await Promise.race([run(controller.signal), rejectsWith(controller.signal)])
    } finally {
      timer.cancel()
      this.#signals.delete(controller)
    }
  }
}

const LEFT_TO_OTHERS = { inMs: 0, isCounted: false } as const

function rejectsWith(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true })
  })
}
