/**
 * A host for tests: a clock that moves only when told, seeded chance, a logger that collects, a trace that records and can
 * throw or signal at named points.
 */

import type { Host, LogRecord, Timer } from '../../src/host/host.ts'
import { nodeProcesses } from '../../src/host/processes.ts'

/** How a test begins. */
export interface TestHostOptions {
  /** Default: 1. */
  readonly seed?: number | undefined
  /** Wall-clock time at the start. Default: 2026-01-01T00:00:00Z. */
  readonly now?: number | undefined
}

/** A {@link Host} that a test drives. */
export interface TestHost extends Host {
  readonly clock: TestClock
  readonly logger: { readonly records: LogRecord[]; log(record: LogRecord): void }
  readonly trace: TestTrace
}

/** A host that does nothing by itself. */
export function testHost(options: TestHostOptions = {}): TestHost {
  const records: LogRecord[] = []
  return {
    clock: new TestClock(options.now ?? 1_767_225_600_000),
    random: seededRandom(options.seed ?? 1),
    logger: { records, log: (record) => void records.push(record) },
    trace: new TestTrace(),
    processes: nodeProcesses(),
  }
}

interface Waiting {
  readonly at: number
  readonly run: () => void
}

/** Time that stands still until {@link TestClock.advance}. */
export class TestClock {
  readonly #start: number
  readonly #timers = new Set<Waiting>()
  #elapsed = 0

  constructor(start: number) {
    this.#start = start
  }

  now(): number {
    return this.#start + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, run: () => void): Timer {
    const waiting = { at: this.#elapsed + Math.max(0, ms), run }
    this.#timers.add(waiting)
    return { cancel: () => void this.#timers.delete(waiting) }
  }

  soon(run: () => void): void {
    setImmediate(run)
  }

  microtask(run: () => void): void {
    queueMicrotask(run)
  }

  /** How many timers wait. */
  get timers(): number {
    return this.#timers.size
  }

  /** Moves time on, firing timers in the order of their times, then of their making; what they start settles in between. */
  async advance(ms: number): Promise<void> {
    const end = this.#elapsed + ms
    await settled()
    for (let next = this.#nextUntil(end); next !== undefined; next = this.#nextUntil(end)) {
      this.#timers.delete(next)
      this.#elapsed = Math.max(this.#elapsed, next.at)
      next.run()
      await settled()
    }
    this.#elapsed = end
  }

  #nextUntil(end: number): Waiting | undefined {
    let first: Waiting | undefined
    for (const waiting of this.#timers) {
      if (waiting.at <= end && (first === undefined || waiting.at < first.at)) first = waiting
    }
    return first
  }
}

/** Lets everything happen that needs no time: promises, and what they start. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

/** Records the points that the code passes; a plan may throw there, or tell somebody. */
export class TestTrace {
  readonly points: { readonly name: string; readonly detail: unknown }[] = []
  readonly #plans = new Map<string, (detail: unknown) => void>()

  point(name: string, detail?: unknown): void {
    this.points.push({ name, detail })
    this.#plans.get(name)?.(detail)
  }

  /** Runs `plan` each time the code passes `name`; what it throws surfaces there. */
  at(name: string, plan: (detail: unknown) => void): void {
    this.#plans.set(name, plan)
  }

  /** The details of all passes of `name`. */
  of(name: string): readonly unknown[] {
    return this.points.filter((point) => point.name === name).map(({ detail }) => detail)
  }
}

/** Chance that repeats itself: the generator mulberry32. */
export function seededRandom(seed: number): Host['random'] {
  let state = seed >>> 0
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
  return { float, bytes: (length) => Uint8Array.from({ length }, () => Math.floor(float() * 256)) }
}
