/** The check that the ready-made stages make of their numbers, when they are described. */

import { RunnerError } from '../../host/errors.ts'

/** Throws `ERR_BAD_OPTIONS`, naming every option that is no integer of `smallest` or more. */
export function checkIntegers(what: string, options: Readonly<Record<string, number>>, smallest: number): void {
  const mistakes = Object.entries(options)
    .filter(([, value]) => !Number.isInteger(value) || value < smallest)
    .map(([option, value]) => `${option} must be an integer >= ${smallest}, not ${String(value)}`)
  if (mistakes.length > 0) throw new RunnerError('ERR_BAD_OPTIONS', `bad options of ${what}: ${mistakes.join('; ')}`)
}
