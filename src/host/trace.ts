/**
 * The trace port: named points in the code's flow. In production they cost one empty call; tests use them as signals to
 * wait for, and as places where to throw, stop or kill.
 */

/** Receives the points that the code passes. */
export interface Trace {
  /** Called each time the code passes the point `name`; an error thrown here surfaces at that place. */
  point(name: string, detail?: unknown): void
}

/** A trace that does nothing. */
export function noTrace(): Trace {
  return { point: () => {} }
}
