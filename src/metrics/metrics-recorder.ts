/**
 * The metrics recorder: counts the ends of attempts of this process, by queue, name and minute, and writes them to the store
 * every ten seconds.
 *
 *     ended ──▶ the totals of its minute ──flush──▶ store: one write for all that changed
 *                        │ the minute is over, and written
 *                        ▼
 *               the totals of the life of this process, for whoever scrapes it
 *
 * Nothing waits for it, and it holds nothing up. A flush writes the totals of a minute as they stand, under a number of their
 * own (`source`), and replaces what it wrote of them before: so it may be repeated when its answer was lost. A crash loses what
 * came after the last flush. While the store is away, minutes gather, at most an hour of them.
 */

import type { Host, Timer } from '../host/host.ts'
import { uuidV4 } from '../host/uuid.ts'
import type { MetricRow, Store } from '../store/store.ts'
import { AttemptTotals, type AttemptOutcome } from './attempt-totals.ts'

/** What the recorder needs. */
export interface MetricsRecorderOptions {
  readonly store: Pick<Store, 'recordMetrics' | 'rollUpMetrics'>
  /** The store failed; it is tried again with the next flush. */
  readonly onError: (error: unknown) => void
}

/** The end of an attempt. */
export interface EndedAttempt {
  readonly queue: string
  readonly name: string
  readonly outcome: AttemptOutcome
  /** When, in milliseconds since 1970 by the store's clock. */
  readonly at: number
  readonly waitMs: number
  /** Null when the handler never began. */
  readonly runMs: number | null
}

/** The totals of one job name in one queue. */
export interface MetricSeries {
  readonly queue: string
  readonly name: string
  readonly totals: AttemptTotals
}

/** How many jobs of a name this process has enqueued. */
export interface EnqueueCount {
  readonly queue: string
  readonly name: string
  /** As `enqueue` answered it. */
  readonly status: string
  readonly jobs: number
}

/** The totals of one queue and name; whether they changed since they were written. */
interface Entry extends MetricSeries {
  isDirty: boolean
}

type Entries = Map<string, Map<string, Entry>>

/** A minute that is not over, or not written. */
interface Minute {
  readonly at: number
  readonly source: string
  readonly entries: Entries
}

/** What more pairs of queue and name than {@link MOST_SERIES} are counted under. */
export const OTHER = '(other)'

const MINUTE_MS = 60_000
const FLUSH_EVERY_MS = 10_000
const ROLL_UP_EVERY_MS = 60_000
/** Between two steps of a roll-up other work gets its turn. */
const BETWEEN_STEPS_MS = 100
/** How many pairs of queue and name are counted apart in a minute. Names are few; queues may be made from data. */
export const MOST_SERIES = 1_000
/** How many minutes wait while the store is away. */
const MOST_MINUTES = 60

/** See the head of this file. One per runner. */
export class MetricsRecorder {
  readonly #host: Host
  readonly #options: MetricsRecorderOptions
  readonly #minutes = new Map<number, Minute>()
  /** The minute of the attempt before. */
  #recent: Minute | undefined
  readonly #life: Entries = new Map()
  readonly #enqueued = new Map<string, { -readonly [Field in keyof EnqueueCount]: EnqueueCount[Field] }>()
  #timer: Timer | undefined
  #isRunning = false
  #rolledUpAt = -Infinity
  #underWay: Promise<void> = Promise.resolve()

  constructor(host: Host, options: MetricsRecorderOptions) {
    this.#host = host
    this.#options = options
  }

  /** An attempt ended here, and the store has taken its end. */
  ended({ queue, name, outcome, at, waitMs, runMs }: EndedAttempt): void {
    const start = at - (at % MINUTE_MS)
    const minute = this.#recent?.at === start ? this.#recent : this.#minuteAt(start)
    const entry = entryOf(minute.entries, queue, name)
    entry.isDirty = true
    entry.totals.record(outcome, waitMs, runMs)
  }

  /** This process stored a job. Counted for whoever scrapes the process; nothing of it is written. */
  enqueued(queue: string, name: string, status: string): void {
    const key = `${status} ${queue} ${name}`
    const known = this.#enqueued.get(key)
    if (known !== undefined) known.jobs += 1
    else if (this.#enqueued.size < MOST_SERIES || queue === OTHER)
      this.#enqueued.set(key, { queue, name, status, jobs: 1 })
    else this.enqueued(OTHER, OTHER, status)
  }

  /** What {@link MetricsRecorder.enqueued} has counted. */
  enqueues(): readonly EnqueueCount[] {
    return [...this.#enqueued.values()]
  }

  /** From now on what changed is written every ten seconds. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    // Not every node of a cluster in the same moment.
    this.#rolledUpAt = this.#host.clock.monotonic() - ROLL_UP_EVERY_MS * this.#host.random.float()
    this.#arm(FLUSH_EVERY_MS)
  }

  /** Writes what changed, and no more after that. Never rejects. */
  async stop(): Promise<void> {
    this.#isRunning = false
    this.#timer?.cancel()
    await this.flush()
  }

  /** Writes what changed until now. Never rejects: what could not be written is written with the next flush. */
  flush(): Promise<void> {
    this.#underWay = this.#underWay.then(() => this.#flush())
    return this.#underWay
  }

  /** What all attempts since the runner was made came to. */
  life(): readonly MetricSeries[] {
    const sum: Entries = new Map()
    for (const { entries } of this.#minutes.values()) addTo(sum, entries)
    addTo(sum, this.#life)
    return listOf(sum)
  }

  #minuteAt(at: number): Minute {
    let minute = this.#minutes.get(at)
    if (minute === undefined) {
      minute = { at, source: uuidV4(this.#host), entries: new Map() }
      this.#minutes.set(at, minute)
    }
    this.#recent = minute
    return minute
  }

  async #flush(): Promise<void> {
    const rows: MetricRow[] = []
    const written: Entry[] = []
    for (const { at, source, entries } of this.#minutes.values()) {
      for (const entry of listOf(entries)) {
        if (!entry.isDirty) continue
        entry.isDirty = false
        written.push(entry)
        const { queue, name, totals } = entry
        rows.push({ at, queue, name, source, ...totals.toStored() })
      }
    }
    try {
      if (rows.length > 0) await this.#options.store.recordMetrics(rows)
      this.#close()
    } catch (error) {
      for (const entry of written) entry.isDirty = true
      this.#options.onError(error)
      this.#dropOldest()
    }
  }

  /** Forgets minutes that are over and written. One that is begun anew after that has another source: both count. */
  #close(): void {
    const newest = Math.max(...this.#minutes.keys())
    for (const minute of this.#minutes.values()) {
      const isOver = minute.at < newest
      if (!isOver || listOf(minute.entries).some(({ isDirty }) => isDirty)) continue
      this.#forget(minute)
    }
  }

  #dropOldest(): void {
    for (const minute of this.#minutes.values()) {
      if (this.#minutes.size <= MOST_MINUTES) return
      this.#forget(minute)
    }
  }

  #forget(minute: Minute): void {
    this.#minutes.delete(minute.at)
    if (this.#recent === minute) this.#recent = undefined
    addTo(this.#life, minute.entries)
  }

  #arm(ms: number): void {
    if (!this.#isRunning) return
    const tick = (): void => {
      this.#underWay = this.#underWay.then(() => this.#tick())
    }
    this.#timer = this.#host.clock.after(ms, tick, { keepAlive: false })
  }

  async #tick(): Promise<void> {
    await this.#flush()
    this.#arm((await this.#rollUp()) ? FLUSH_EVERY_MS : BETWEEN_STEPS_MS)
  }

  /** Once a minute, one step after the other; answers false when there is more to do. */
  async #rollUp(): Promise<boolean> {
    const now = this.#host.clock.monotonic()
    if (now - this.#rolledUpAt < ROLL_UP_EVERY_MS || !this.#isRunning) return true
    try {
      const { isDone } = await this.#options.store.rollUpMetrics()
      if (isDone) this.#rolledUpAt = now
      return isDone
    } catch (error) {
      this.#rolledUpAt = now
      this.#options.onError(error)
      return true
    }
  }
}

function entryOf(entries: Entries, queue: string, name: string): Entry {
  let names = entries.get(queue)
  const known = names?.get(name)
  if (known !== undefined) return known
  let count = 0
  for (const one of entries.values()) count += one.size
  if (count >= MOST_SERIES && !(queue === OTHER && name === OTHER)) return entryOf(entries, OTHER, OTHER)
  if (names === undefined) entries.set(queue, (names = new Map()))
  const entry = { queue, name, totals: new AttemptTotals(), isDirty: false }
  names.set(name, entry)
  return entry
}

function listOf(entries: Entries): readonly Entry[] {
  return [...entries.values()].flatMap((names) => [...names.values()])
}

function addTo(sum: Entries, entries: Entries): void {
  for (const { queue, name, totals } of listOf(entries)) entryOf(sum, queue, name).totals.add(totals.toStored())
}
