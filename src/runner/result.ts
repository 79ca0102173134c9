/** Waiting for what a job returns. */

import type { Host, Timer } from '../host/host.ts'
import { unreachable } from '../host/errors.ts'
import { decodeValue } from '../job/args-codec.ts'
import { parseDuration } from '../job/duration.ts'
import {
  JobCancelledError,
  JobFailedError,
  JobNotFoundError,
  ResultNotKeptError,
  ResultTimeoutError,
} from '../job/errors.ts'
import type { ResultOptions } from '../job/job-handle.ts'
import { runnerError } from './errors.ts'
import type { Endings, KnownEnding } from '../queue/endings.ts'

/** Waits for the end of a job. Throws as `JobHandle.result` says. */
export async function awaitResult(
  host: Host,
  endings: Endings,
  id: string,
  options: ResultOptions = {},
): Promise<unknown> {
  const timeoutMs =
    options.timeout === undefined ? undefined : parseDuration(options.timeout, 'option "timeout" of result')
  const ending = await new Promise<KnownEnding>((resolve, reject) => {
    let timer: Timer | undefined
    const giveUp = endings.wait(id, {
      onEnded: (known) => {
        timer?.cancel()
        resolve(known)
      },
      onFailed: (error) => {
        timer?.cancel()
        reject(error as Error) // true: whatever a store throws is a RunnerError
      },
      onClosed: () => {
        timer?.cancel()
        reject(
          runnerError(
            'ERR_RUNNER_CLOSED',
            `the runner was closed while somebody waited for job ${id}; the job goes on`,
          ),
        )
      },
    })
    if (timeoutMs === undefined) return
    timer = host.clock.after(timeoutMs, () => {
      giveUp()
      reject(new ResultTimeoutError(id, timeoutMs))
    })
  })
  return resultOf(ending)
}

function resultOf(ending: KnownEnding): unknown {
  switch (ending.state) {
    case 'unknown':
      throw new JobNotFoundError(ending.id)
    case 'failed':
      throw new JobFailedError(ending.id, ending.error ?? { name: 'Error', message: 'no error was recorded' })
    case 'cancelled':
      throw new JobCancelledError(ending.id, ending.error?.message ?? null)
    case 'completed':
      if (ending.error !== null) throw new ResultNotKeptError(ending.id, ending.error.message)
      return ending.result === null ? undefined : decodeValue(ending.result)
    default:
      return unreachable(ending)
  }
}
