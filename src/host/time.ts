/** Points in time in the forms people and programs read. The rest of the code counts milliseconds since 1970. */

/** The date object of a point in time. */
export function toDate(ms: number): Date {
  return new Date(ms)
}

/** The ISO 8601 text of a point in time, in UTC. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** The same for a time that may be absent. */
export function dateOrNull(ms: number | null): Date | null {
  return ms === null ? null : toDate(ms)
}
