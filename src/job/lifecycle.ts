/**
 * The life of a job: the one table of states and events.
 *
 *                  due                claim                 complete
 *    scheduled ───────────▶ queued ───────────▶ running ───────────────▶ completed
 *        ▲                    ▲  ▲                │ │ │
 *        │    retry, snooze   │  └─ giveBack,  ───┘ │ └─ exhaust, discard ─▶ failed
 *        └────────────────────┼──── rescue ─────────┘                          │
 *                             └──────────────────────────── operatorRetry ─────┘ (and from cancelled)
 *    cancelled  ◀── cancel, from scheduled, queued, running
 *
 * The stores implement it in SQL; their tests check each verb against this table.
 */

import { jobError } from './errors.ts'
import type { JobState } from './job.ts'

/** Everything that can happen to a job. */
export const JOB_EVENTS = [
  'due',
  'claim',
  'giveBack',
  'rescue',
  'complete',
  'retry',
  'snooze',
  'discard',
  'exhaust',
  'cancel',
  'operatorRetry',
] as const

/** One of {@link JOB_EVENTS}. */
export type JobEvent = (typeof JOB_EVENTS)[number]

/** The state that follows for each event that a state knows; every other pair is impossible. */
export const TRANSITIONS: Readonly<Record<JobState, Readonly<Partial<Record<JobEvent, JobState>>>>> = {
  scheduled: { due: 'queued', cancel: 'cancelled' },
  queued: { claim: 'running', cancel: 'cancelled' },
  running: {
    complete: 'completed',
    // An attempt failed, and there are attempts left.
    retry: 'scheduled',
    snooze: 'scheduled',
    discard: 'failed',
    // An attempt failed, and it was the last.
    exhaust: 'failed',
    // The node stops: the attempt is not charged.
    giveBack: 'queued',
    // The node died: the attempt is charged if it was started.
    rescue: 'queued',
    // The job's signal is aborted first; this is the moment when its attempt ended.
    cancel: 'cancelled',
  },
  completed: {},
  failed: { operatorRetry: 'queued' },
  cancelled: { operatorRetry: 'queued' },
}

/**
 * The state that follows.
 *
 * @throws `ERR_ILLEGAL_TRANSITION` when the event cannot happen in that state.
 */
export function transition(state: JobState, event: JobEvent): JobState {
  const next = TRANSITIONS[state][event]
  if (next === undefined) {
    throw jobError('ERR_ILLEGAL_TRANSITION', `a job that is ${state} knows no "${event}"`)
  }
  return next
}

/** Whether the event can happen in that state. */
export function canTransition(state: JobState, event: JobEvent): boolean {
  return TRANSITIONS[state][event] !== undefined
}
