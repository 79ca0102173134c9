/** A queue with its consumers under a load, on a clock of its own: what the autoscaler is tried on. Pure; the seed says all. */

import { decide, NEW_SCALER, type ScalerState } from '../../src/queue/autoscaler.ts'
import type { ScaleBounds } from '../../src/store/store.ts'

/** A load. */
export interface Load {
  readonly seed: number
  /** Jobs that come in each second, on average, second by second. */
  readonly perSecond: readonly number[]
  /** How long a job takes on average, in milliseconds. */
  readonly meanRunMs: number
}

/** How a load went. */
export interface Course {
  /** How many consumers there were to be in each second. */
  readonly targets: readonly number[]
  /** How many jobs waited at the end of each second. */
  readonly depths: readonly number[]
  readonly meanConsumers: number
  /** The most that were there at a time. */
  readonly mostBusy: number
}

const STEP_MS = 50
const LATELY_MS = 10_000

/** Lets the autoscaler run a load. */
export function scaled(load: Load, bounds: ScaleBounds): Course {
  return course(load, bounds)
}

/** Lets a fixed number of consumers run a load. */
export function fixed(load: Load, consumers: number): Course {
  return course(load, { min: consumers, max: consumers })
}

/** How often the number turned from growing to shrinking, or back. */
export function turns(targets: readonly number[]): number {
  let direction = 0
  let count = 0
  targets.forEach((target, index) => {
    const step = Math.sign(target - (targets[index - 1] ?? target))
    if (step === 0) return
    if (direction !== 0 && step !== direction) count += 1
    direction = step
  })
  return count
}

function course({ seed, perSecond, meanRunMs }: Load, bounds: ScaleBounds): Course {
  const random = mulberry(seed)
  const service = mulberry(seed + 1)
  const waiting: number[] = []
  let busyUntil: number[] = []
  const waits: { readonly at: number; readonly waitMs: number }[] = []
  const targets: number[] = []
  const depths: number[] = []
  let state: ScalerState = NEW_SCALER
  let target = bounds.min
  let mostBusy = 0
  let sum = 0
  perSecond.forEach((rate, second) => {
    let peak = busyUntil.length
    for (let at = second * 1_000; at < (second + 1) * 1_000; at += STEP_MS) {
      busyUntil = busyUntil.filter((until) => until > at)
      const coming = poisson(random, (rate * STEP_MS) / 1_000)
      for (let count = 0; count < coming; count++) waiting.push(at)
      // What is too many ends when it is idle, and takes nothing more.
      while (waiting.length > 0 && busyUntil.length < target) {
        waits.push({ at, waitMs: at - (waiting.shift() ?? at) })
        busyUntil.push(at + Math.max(STEP_MS, -meanRunMs * Math.log(1 - service())))
      }
      peak = Math.max(peak, busyUntil.length)
      sum += Math.max(target, busyUntil.length)
    }
    const at = (second + 1) * 1_000
    mostBusy = Math.max(mostBusy, peak)
    while ((waits[0]?.at ?? at) < at - LATELY_MS) waits.shift()
    const lately = waits.map(({ waitMs }) => waitMs).sort((a, b) => a - b)
    const decision = decide(
      {
        at,
        bounds,
        consumers: target,
        busy: peak,
        depth: waiting.length,
        oldestAgeMs: waiting[0] === undefined ? null : at - waiting[0],
        waitP95Ms: lately[Math.floor(lately.length * 0.95)] ?? null,
        loopLagMs: 0,
      },
      state,
    )
    ;({ state, target } = decision)
    targets.push(target)
    depths.push(waiting.length)
  })
  return { targets, depths, meanConsumers: sum / (perSecond.length * (1_000 / STEP_MS)), mostBusy }
}

/** Numbers from 0 to 1, below 1, that follow from the seed. */
function mulberry(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** How many come when so many come on average. */
function poisson(random: () => number, mean: number): number {
  const limit = Math.exp(-mean)
  let count = 0
  for (let product = random(); product > limit; product *= random()) count += 1
  return count
}
