/** Going on after a callback that may or may not have answered with a promise. */

import type { Process } from './process.ts'

/** Whether a callback's answer has to be waited for. */
export function isPromise<Value>(answer: Value | Promise<Value>): answer is Promise<Value> {
  // Events come as arrays, and looking for `then` in one takes longer than all else here.
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) return false
  return 'then' in answer && typeof answer.then === 'function'
}

/**
 * Calls `next` with the answer: at once if it is there, so that synchronous callbacks cost no promise, else when it comes.
 * What a process answers after its death is dropped.
 */
export function andThen<Value>(
  process: Process,
  answer: Value | Promise<Value>,
  next: (value: Value) => void | Promise<void>,
): void | Promise<void> {
  if (!isPromise(answer)) return next(answer)
  return waitFor(process, answer, next)
}

async function waitFor<Value>(
  process: Process,
  answer: Promise<Value>,
  next: (value: Value) => void | Promise<void>,
): Promise<void> {
  const value = await answer
  if (process.isAlive) await next(value)
}
