/** Compares what happened with what was recorded, by the `match` rules of `traces/README.md`. */

import { AssertionError } from 'node:assert'
import { deepStrictEqual } from 'node:assert/strict'

import type { Entry, MatchRule, Scenario, StepTrace } from './scenario.ts'

const EXIT_ENTRIES = ['exit', 'terminate', 'handle_cancel', 'log']
const ANY_ERROR = { error: '*' }

/** What tells `actual` from the recorded trace, and from `alt` too if there is one; nothing when it equals one of them. */
export function differenceOf(scenario: Scenario, actual: readonly StepTrace[]): Error | undefined {
  const difference = differenceFrom(scenario, scenario.trace, actual)
  if (difference === undefined || scenario.alt === undefined) return difference
  return differenceFrom(scenario, scenario.alt, actual)
}

function differenceFrom(
  scenario: Scenario,
  expected: readonly StepTrace[],
  actual: readonly StepTrace[],
): Error | undefined {
  try {
    compareTraces(scenario, expected, actual)
    return undefined
  } catch (error) {
    if (error instanceof AssertionError) return error
    throw error
  }
}

/** Throws an assertion error that names the step at which `actual` is not `expected`. */
function compareTraces(scenario: Scenario, expected: readonly StepTrace[], actual: readonly StepTrace[]): void {
  const match = scenario.match ?? {}
  for (const [index, step] of expected.entries()) {
    const where = `step ${index + 1}, ${JSON.stringify(scenario.steps[index])}`
    const found = actual[index] ?? { log: {} }
    if ('result' in step) deepStrictEqual(plain(found.result, step.result), plain(step.result), `${where}: result`)
    const isAnyError = JSON.stringify(step.log).includes(JSON.stringify(ANY_ERROR))
    deepStrictEqual(comparable(found, match, isAnyError), comparable(step, match, isAnyError), where)
  }
}

/** One step's logs in the form in which two of them are equal exactly if the rules say so. */
function comparable({ log }: StepTrace, match: Readonly<Record<string, MatchRule>>, isAnyError: boolean): unknown {
  const stages: Record<string, unknown> = {}
  const union: string[] = []
  for (const [stage, recorded] of Object.entries(log)) {
    const entries = recorded.map((entry) => normalize(entry, isAnyError))
    const rule = match[stage]
    if (rule === 'ignore') continue
    if (rule === 'union') {
      union.push(...entries.flatMap((entry) => events(entry).map((event) => JSON.stringify(event))))
      continue
    }
    const kept = rule === 'noExit' ? entries.filter(([name]) => !EXIT_ENTRIES.includes(String(name))) : entries
    if (kept.length > 0) stages[stage] = arrange(kept, rule)
  }
  return { stages, union: union.sort() }
}

function arrange(entries: readonly Entry[], rule: MatchRule | undefined): unknown {
  if (rule === 'sorted') return entries.map((entry) => JSON.stringify(entry)).sort()
  if (rule !== 'concat') return entries
  return {
    events: entries.flatMap((entry) => events(entry).map((event) => [entry[2], event])),
    others: entries.filter(([name]) => name !== 'handle_events'),
  }
}

function events(entry: Entry): readonly unknown[] {
  return entry[0] === 'handle_events' ? (entry[1] as readonly unknown[]) : []
}

function normalize(entry: Entry, isAnyError: boolean): Entry {
  const expected = isAnyError ? ANY_ERROR : undefined
  const [name, ...rest] = entry
  // The level of a log entry is informative.
  if (name === 'log') return [name, ...rest.slice(1).map((part) => plain(part, expected))]
  if (name !== 'handle_events') return [name, ...rest.map((part) => plain(part, expected))]
  return [name, expand(rest[0]), ...rest.slice(1)]
}

function expand(list: unknown): readonly unknown[] {
  if (Array.isArray(list)) return list
  const [from, to] = (list as { readonly range: readonly [number, number] }).range
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
}

/** A copy without prototypes; any error stands for every error where one is expected. */
function plain(value: unknown, expected?: unknown): unknown {
  const copy: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value))
  const isError = typeof copy === 'object' && copy !== null && 'error' in copy
  const isAnyExpected = JSON.stringify(expected) === JSON.stringify(ANY_ERROR)
  return isError && isAnyExpected ? ANY_ERROR : copy
}
