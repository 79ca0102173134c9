/**
 * What a tracer is told of the way of a job: it is enqueued, claimed, processed and acked. The runner calls it and knows
 * nothing else of traces; `openTelemetry()` of `millrace/telemetry` makes one.
 *
 * Each method runs what it is given exactly once, in whatever context the tracer wants it to run in, and passes on what that
 * answers or throws.
 */

/** A job that is to be enqueued, as far as a tracer looks at it. */
export interface TracedJob {
  readonly id: string
  readonly name: string
  readonly queue: string
  /** What {@link Tracing.enqueue} stored with it. */
  readonly trace: string | null
}

/** A job that was claimed. */
export interface TracedAttempt extends TracedJob {
  readonly attempt: number
  readonly maxAttempts: number
}

/** How a handler ended. */
export interface ProcessEnd {
  /** `completed`, `retry` and so on; `interrupted` when the job goes back unended. */
  readonly outcome: string
  /** What the handler threw, or why its attempt failed; undefined where nothing is wrong. */
  readonly error: unknown
}

/** The run of one handler. */
export interface ProcessSpan {
  /** Runs the handler, so that what it starts belongs to it. */
  readonly run: <Answer>(handler: () => Answer) => Answer
  /** It has ended; called once. */
  readonly end: (end: ProcessEnd) => void
}

/** See the head of this file. */
export interface Tracing {
  /** Sends jobs to the store, in one call. `send` takes what is to be stored as their `trace`. */
  readonly enqueue: <Answer>(jobs: readonly TracedJob[], send: (trace: string | null) => Answer) => Answer
  /** Asks the store for jobs. */
  readonly claim: <Answer extends { readonly jobs: readonly TracedAttempt[] }>(
    send: () => Promise<Answer>,
  ) => Promise<Answer>
  /** A handler is about to run; undefined when it is not traced. */
  readonly process: (job: TracedAttempt) => ProcessSpan | undefined
  /** Tells the store how attempts ended. Jobs are the very objects that {@link Tracing.process} was given. */
  readonly ack: <Answer>(jobs: readonly TracedAttempt[], send: () => Promise<Answer>) => Promise<Answer>
}

/**
 * What `createRunner` and `createClient` take as `telemetry`, so that traces and metrics leave the process. Made by
 * `openTelemetry()` of `millrace/telemetry`; its members are for the runner.
 */
export interface Telemetry {
  readonly tracing: Tracing
  /** Calls `listen` for each event that it wants to hear of; `on` is that of the runner. */
  readonly attach: (on: (event: string, listener: (payload: Readonly<Record<string, unknown>>) => void) => void) => void
}
