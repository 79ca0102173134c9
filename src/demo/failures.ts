/** Dead letters, grouped by what their messages have in common. */

import type { JobSummary } from '../index.ts'

/** Jobs that failed in the same way. */
export interface FailureGroup {
  readonly name: string
  /** The message with `…` for what differs. */
  readonly pattern: string
  readonly count: number
  readonly examples: readonly FailureExample[]
}

/** One of them. */
export interface FailureExample {
  readonly id: string
  readonly attempts: number
  readonly message: string
}

/** What is needed of a failed job. */
export type FailedJob = Pick<JobSummary, 'id' | 'name' | 'attempt' | 'error'>

const EXAMPLES = 3

/** Groups failed jobs by job name and message, the largest group first. */
export function groupFailures(jobs: readonly FailedJob[]): FailureGroup[] {
  const groups = new Map<string, FailureGroup & { count: number; readonly examples: FailureExample[] }>()
  for (const { id, name, attempt, error } of jobs.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const message = error?.message ?? 'no message'
    const pattern = patternOf(message)
    const key = `${name} ${pattern}`
    const group = groups.get(key) ?? { name, pattern, count: 0, examples: [] }
    groups.set(key, group)
    group.count++
    if (group.examples.length < EXAMPLES) group.examples.push({ id, attempts: attempt, message })
  }
  return [...groups.values()].sort((a, b) => b.count - a.count || (a.pattern < b.pattern ? -1 : 1))
}

/** The message without names and numbers; a list of names counts as one. */
export function patternOf(message: string): string {
  return message
    .replaceAll(/"[^"]*"|'[^']*'/g, '…')
    .replaceAll(/…(?:, …)+/g, '…')
    .replaceAll(/ and \d+ more/g, '')
    .replaceAll(/\d+/g, 'N')
}
