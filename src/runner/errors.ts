/** What can go wrong with a runner itself. */

import { RunnerError } from '../host/errors.ts'

/** The codes of runner errors and what each means. */
export const RUNNER_ERRORS = {
  ERR_NO_OPENTELEMETRY: 'openTelemetry() was called where the package @opentelemetry/api is not installed',
  ERR_NO_TELEMETRY: 'metrics or probes were asked for of what is no runner, or one of another copy of millrace',
  ERR_PROBES_LISTEN: 'the address of the probes cannot be listened at',
  ERR_RUNNER_CLOSED: 'the runner was closed',
  ERR_RUNNER_STARTED: 'the runner is started already',
} as const

/** A code of {@link RUNNER_ERRORS}. */
export type RunnerErrorCode = keyof typeof RUNNER_ERRORS

/** An error of the runner; see {@link RUNNER_ERRORS} for its codes. */
export function runnerError(code: RunnerErrorCode, message: string, options?: ErrorOptions): RunnerError {
  return new RunnerError(code, message, options)
}
