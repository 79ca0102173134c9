/** The spans for which metrics are kept, in milliseconds, and for how long each. */

export const MINUTE_MS = 60_000
export const HOUR_MS = 3_600_000
export const DAY_MS = 86_400_000

/** A minute that is longer ago is not taken: an hour must have all its minutes when it is added up again. */
export const TAKEN_FOR_MS: number = 24 * HOUR_MS
/** How long rows of each span are kept. */
export const KEPT_MS: { readonly minutes: number; readonly hours: number; readonly days: number } = {
  minutes: 2 * DAY_MS,
  hours: 35 * DAY_MS,
  days: 400 * DAY_MS,
}

/** So long after its end an hour or a day is added up: by then every process has written what it counted. */
export const SETTLED_AFTER_MS = 120_000

/** How many rows of each span one step deletes, at most. */
export const METRIC_PRUNE_LIMIT = 5_000

/** The longest span of which rows can be added up to steps of that length. */
export function spanFor(stepMs: number): number {
  if (stepMs % DAY_MS === 0) return DAY_MS
  return stepMs % HOUR_MS === 0 ? HOUR_MS : MINUTE_MS
}
