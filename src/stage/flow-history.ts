/**
 * What the counters of a system's stages were in the last seconds, so that rates can be told at any moment. No timer: a sample is
 * taken about once a second while something runs. What happens when nothing runs needs no sample, for nothing does.
 *
 *     ──[sample]────[sample]──┤ nothing runs ├──[sample]────[now]
 *                             since          at
 *
 * A sample holds from `sinceMs`, when the clock was read before it, to `atMs`.
 */

import type { BusyReading } from '../process/busy-meter.ts'

/** How far back rates look, in milliseconds. */
export const RATE_WINDOW_MS = 5000

/** The counters of a stage or of a subscription. They only grow. */
export interface Counters {
  readonly eventsIn: number
  readonly eventsOut: number
  readonly busy: BusyReading
}

/** The counters of everything at one time, by the id of the stage or subscription. */
export interface Sample {
  readonly sinceMs: number
  readonly atMs: number
  readonly counters: ReadonlyMap<number, Counters>
}

/** What happened to a stage or on a subscription, per second. */
export interface Rates {
  /** How long a time these are about; 0, and so are they, when no time has passed. */
  readonly windowMs: number
  readonly eventsInPerSecond: number
  readonly eventsOutPerSecond: number
  /** 0 to 1. */
  readonly busyShare: number
  /** The part of `busyShare` that was spent waiting for promises. */
  readonly awaitingShare: number
}

const ZERO: Counters = { eventsIn: 0, eventsOut: 0, busy: { busyMs: 0, awaitedMs: 0, awaitingSinceMs: undefined } }

/** The samples of one system. */
export class FlowHistory {
  #samples: Sample[] = []

  /** How many samples are kept. */
  get size(): number {
    return this.#samples.length
  }

  /** Adds a sample and forgets those that no window reaches any more. */
  add(sample: Sample): void {
    this.#samples.push(sample)
    const startMs = sample.atMs - RATE_WINDOW_MS
    const first = this.#samples.findLastIndex(({ sinceMs }) => sinceMs <= startMs)
    if (first > 0) this.#samples = this.#samples.slice(first)
  }

  /**
   * The rates of one stage or subscription, up to the sample `now`: over the last {@link RATE_WINDOW_MS}, or up to a second
   * more, or since it began.
   */
  rates(id: number, bornMs: number, now: Sample): Rates {
    const current = now.counters.get(id) ?? ZERO
    const { startMs, counters } = this.#start(id, bornMs, now)
    const windowMs = now.atMs - startMs
    if (windowMs <= 0) {
      return { windowMs: 0, eventsInPerSecond: 0, eventsOutPerSecond: 0, busyShare: 0, awaitingShare: 0 }
    }
    const [busyMs, awaitedMs] = busyAt(current.busy, now.atMs)
    const [busyBeforeMs, awaitedBeforeMs] = busyAt(counters.busy, startMs)
    const busyShare = Math.min(1, (busyMs - busyBeforeMs) / windowMs)
    return {
      windowMs,
      eventsInPerSecond: ((current.eventsIn - counters.eventsIn) * 1000) / windowMs,
      eventsOutPerSecond: ((current.eventsOut - counters.eventsOut) * 1000) / windowMs,
      busyShare,
      awaitingShare: Math.min(busyShare, (awaitedMs - awaitedBeforeMs) / windowMs),
    }
  }

  #start(id: number, bornMs: number, now: Sample): { readonly startMs: number; readonly counters: Counters } {
    const wantedMs = now.atMs - RATE_WINDOW_MS
    const samples = [...this.#samples, now]
    const sample = samples.findLast(({ sinceMs }) => sinceMs <= wantedMs) ?? samples[0]
    const counters = sample?.counters.get(id)
    // Without a sample of it from before this moment, it is about all that it did.
    if (sample === undefined || counters === undefined || (sample === now && sample.sinceMs > wantedMs)) {
      return { startMs: bornMs, counters: ZERO }
    }
    return { startMs: Math.max(bornMs, Math.min(sample.atMs, Math.max(sample.sinceMs, wantedMs))), counters }
  }
}

/** Busy and awaited time at `atMs`, with what was going on then. */
function busyAt({ busyMs, awaitedMs, awaitingSinceMs }: BusyReading, atMs: number): readonly [number, number] {
  const openMs = awaitingSinceMs === undefined ? 0 : Math.max(0, atMs - awaitingSinceMs)
  return [busyMs + openMs, awaitedMs + openMs]
}
