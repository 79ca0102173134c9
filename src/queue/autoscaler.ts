/**
 * The autoscaler's judgement: how many consumers a queue should have on this node. Pure: figures and time come in, and what
 * has to be remembered goes out and comes in again.
 *
 *     all consumers busy, and jobs wait ──for a second──▶ grow: up to twice as many, not more than jobs wait
 *     far fewer busy than there are     ──for a while───▶ shrink: to what was busy at most, and a bit more; at most by half
 *     the event loop is very late       ──for 3 seconds─▶ shrink by a quarter: more at the same time would make all slower
 *     a figure is missing, anything else ───────────────▶ hold
 *
 * What makes it grow and what makes it shrink lie far apart, a change is followed by a pause, and each time that it had to grow
 * soon after it shrank, it waits twice as long with the next shrinking. So under a steady load it comes to rest.
 */

import type { ScaleBounds } from '../store/store.ts'

/** What was seen of a queue since the last look. Null is not known, unless it says something else. */
export interface Observed {
  /** When, on a monotonic clock in milliseconds. */
  readonly at: number
  readonly bounds: ScaleBounds
  /** How many consumers there are, or are about to be. */
  readonly consumers: number
  /** The most of them that were busy at the same time. */
  readonly busy: number
  /** How many jobs of the queue wait in the store. */
  readonly depth: number | null
  /** For how long the oldest of them has waited; null also when none waits. */
  readonly oldestAgeMs: number | null
  /** Of 20 jobs that began lately here, the one that waited longest but one; null when none began. */
  readonly waitP95Ms: number | null
  /** By how much the event loop was late at most. */
  readonly loopLagMs: number | null
}

/** What is remembered from one look to the next. */
export interface ScalerState {
  /** When the number was last changed, and which way. */
  readonly changedAt: number
  readonly direction: 'up' | 'down' | null
  readonly shrankAt: number
  /** Since when all are busy while jobs wait; since when few are busy, with the most that were; since when the loop is late. */
  readonly pressedSince: number | null
  readonly slackSince: number | null
  readonly slackPeak: number
  readonly lateSince: number | null
  /** Until when it must not grow, because of a late event loop. */
  readonly calmUntil: number
  /** For how long few have to be busy until it shrinks. */
  readonly patienceMs: number
}

/** Why a number of consumers is what it is. */
export type ScaleReason =
  | 'steady'
  /** Fewer or more than the bounds allow. */
  | 'bounds'
  /** Jobs wait and all consumers are busy. */
  | 'waiting'
  /** The same, but there are as many as there may be. */
  | 'at-max'
  /** More consumers than are needed. */
  | 'idle'
  /** The event loop is late. */
  | 'loop-late'
  /** A figure is missing. */
  | 'no-figures'

/** What to do. */
export interface Decision {
  /** How many consumers there should be; never outside the bounds. */
  readonly target: number
  readonly reason: ScaleReason
  /** The reason as a sentence without a full stop, with the figures. */
  readonly detail: string
  readonly state: ScalerState
}

/** Jobs that wait this long are worth a consumer more, in milliseconds. */
const LONG_WAIT_MS = 500
/** A peak shorter than this is left alone. */
const PRESSED_MS = 1_000
/** What a change does is seen after this time. */
const GROW_EVERY_MS = 2_000
const SHRINK_EVERY_MS = 10_000
/** Few are busy: this part of them at most. */
const SLACK = 0.6
/** What is left when it shrinks, for each that was busy. */
const SPARE = 1.25
const PATIENCE_MS = 30_000
const MOST_PATIENCE_MS = 10 * 60_000
/** To grow so soon after shrinking shows that it shrank too soon. */
const TOO_SOON_MS = 2 * 60_000
/** After so long without a change the patience is that of the beginning. */
const FORGET_MS = 20 * 60_000
/** The event loop is too late to grow; so late that fewer should run. */
const LATE_MS = 200
const VERY_LATE_MS = 500
const VERY_LATE_FOR_MS = 3_000
const CALM_MS = 60_000

/** What is remembered before the first look. */
export const NEW_SCALER: ScalerState = {
  changedAt: -Infinity,
  direction: null,
  shrankAt: -Infinity,
  pressedSince: null,
  slackSince: null,
  slackPeak: 0,
  lateSince: null,
  calmUntil: -Infinity,
  patienceMs: PATIENCE_MS,
}

/** Judges. */
export function decide(observed: Observed, before: ScalerState): Decision {
  const { at, bounds, consumers } = observed
  const target = clamp(consumers, bounds)
  if (target !== consumers) {
    const detail = `${consumers} are not within ${bounds.min} to ${bounds.max}`
    return { target, reason: 'bounds', detail, state: changed(before, at, null) }
  }
  const figures = knownFigures(observed)
  if (figures === null) {
    const detail = 'a figure is missing: it stays as it is'
    // What was seen before may no longer be so.
    const state = { ...before, pressedSince: null, slackSince: null, lateSince: null }
    return { target, reason: 'no-figures', detail, state }
  }
  const state = watch(observed, figures, before)
  return shrinkForLoop(figures, state) ?? grow(figures, state) ?? shrink(figures, state) ?? steady(target, state)
}

/** {@link Observed}, with nothing missing. */
interface Figures extends Observed {
  readonly depth: number
  readonly loopLagMs: number
  /** The longest wait that is known. */
  readonly waitMs: number
}

function knownFigures(observed: Observed): Figures | null {
  const { busy, depth, oldestAgeMs, waitP95Ms, loopLagMs } = observed
  if (!isFigure(busy) || !isFigure(depth) || !isFigure(loopLagMs)) return null
  if (depth > 0 && !isFigure(oldestAgeMs)) return null
  const waitMs = Math.max(depth > 0 && isFigure(oldestAgeMs) ? oldestAgeMs : 0, isFigure(waitP95Ms) ? waitP95Ms : 0)
  return { ...observed, depth, loopLagMs, waitMs }
}

function isFigure(value: number | null): value is number {
  return value !== null && Number.isFinite(value) && value >= 0
}

/** Brings up to date since when the queue is how it is. */
function watch({ at, consumers, busy }: Observed, figures: Figures, before: ScalerState): ScalerState {
  const isPressed = busy >= consumers && figures.depth > 0 && figures.waitMs >= LONG_WAIT_MS
  const isSlack = figures.depth === 0 && busy <= consumers * SLACK
  const isForgotten = at - before.changedAt > FORGET_MS
  return {
    ...before,
    patienceMs: isForgotten ? PATIENCE_MS : before.patienceMs,
    pressedSince: isPressed ? (before.pressedSince ?? at) : null,
    slackSince: isSlack ? (before.slackSince ?? at) : null,
    slackPeak: isSlack ? Math.max(busy, before.slackSince === null ? 0 : before.slackPeak) : 0,
    lateSince: figures.loopLagMs >= VERY_LATE_MS ? (before.lateSince ?? at) : null,
  }
}

function shrinkForLoop(figures: Figures, state: ScalerState): Decision | null {
  const { at, bounds, consumers, loopLagMs } = figures
  const isLong = state.lateSince !== null && at - state.lateSince >= VERY_LATE_FOR_MS
  if (!isLong || at - state.changedAt < SHRINK_EVERY_MS) return null
  const target = clamp(consumers - Math.ceil(consumers / 4), bounds)
  if (target >= consumers) return null
  const detail = `the event loop is ${Math.round(loopLagMs)} ms late: fewer at the same time`
  return { target, reason: 'loop-late', detail, state: { ...changed(state, at, 'down'), calmUntil: at + CALM_MS } }
}

function grow(figures: Figures, state: ScalerState): Decision | null {
  const { at, bounds, consumers, depth, waitMs, loopLagMs } = figures
  if (state.pressedSince === null || at - state.pressedSince < PRESSED_MS) return null
  const busy = consumers === 1 ? 'the only consumer is' : `all ${consumers} consumers are`
  const waiting = `${depth} ${depth === 1 ? 'job waits' : 'jobs wait'}, up to ${Math.round(waitMs)} ms, while ${busy} busy`
  if (consumers >= bounds.max) {
    return { target: consumers, reason: 'at-max', detail: `${waiting}, and there may be no more`, state }
  }
  if (loopLagMs >= LATE_MS || at < state.calmUntil) {
    const detail = `${waiting}, but the event loop is or was too late for more: ${Math.round(loopLagMs)} ms`
    return { target: consumers, reason: 'loop-late', detail, state }
  }
  if (at - state.changedAt < GROW_EVERY_MS) return null
  const target = clamp(consumers + Math.min(consumers, depth), bounds)
  const isTooSoon = at - state.shrankAt < TOO_SOON_MS + state.patienceMs
  const patienceMs = isTooSoon ? Math.min(MOST_PATIENCE_MS, state.patienceMs * 2) : state.patienceMs
  return { target, reason: 'waiting', detail: waiting, state: { ...changed(state, at, 'up'), patienceMs } }
}

function shrink(figures: Figures, state: ScalerState): Decision | null {
  const { at, bounds, consumers } = figures
  if (state.slackSince === null || at - state.changedAt < SHRINK_EVERY_MS) return null
  // Step by step: what has waited for the first step need not wait as long for the next.
  const patienceMs = state.direction === 'down' ? SHRINK_EVERY_MS : state.patienceMs
  if (at - state.slackSince < patienceMs) return null
  const needed = Math.max(Math.ceil(state.slackPeak * SPARE), Math.floor(consumers / 2))
  const target = clamp(needed, bounds)
  if (target >= consumers) return null
  const detail = `at most ${state.slackPeak} of ${consumers} consumers were busy for ${Math.round((at - state.slackSince) / 1_000)} s`
  return { target, reason: 'idle', detail, state: changed(state, at, 'down') }
}

function steady(target: number, state: ScalerState): Decision {
  return { target, reason: 'steady', detail: 'nothing to change', state }
}

/** What is remembered after a change: what was seen before it says nothing of the new number. */
function changed(state: ScalerState, at: number, direction: 'up' | 'down' | null): ScalerState {
  return {
    ...state,
    changedAt: at,
    direction,
    shrankAt: direction === 'down' ? at : state.shrankAt,
    pressedSince: null,
    slackSince: null,
    slackPeak: 0,
    lateSince: null,
  }
}

function clamp(consumers: number, { min, max }: ScaleBounds): number {
  return Math.min(max, Math.max(min, consumers))
}
