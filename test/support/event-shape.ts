/** What the table of events says of a payload. */

import { EVENT_NAMES, EVENT_TABLE } from '../../src/runner/event-table.ts'
import type { RunnerEvents } from '../../src/runner/events.ts'

/** Where a payload differs from its row in src/runner/event-table.ts, as sentences; none when it is as documented. */
export function differences(name: keyof RunnerEvents, payload: unknown): string[] {
  const row = EVENT_TABLE[name]
  if (row === undefined) return [`event "${name}" has no row in src/runner/event-table.ts: add it`]
  if (typeof payload !== 'object' || payload === null) return [`the payload of "${name}" is no object`]
  const documented = [...Object.keys(row.measurements), ...Object.keys(row.metadata)]
  const extra = Object.keys(payload).filter((field) => !documented.includes(field))
  const isOptional = (field: string): boolean => /absent/.test(row.metadata[field] ?? '')
  const missing = documented.filter((field) => !(field in payload) && !isOptional(field))
  const wrong = Object.keys(row.measurements).filter((field) => {
    // Its own fields, whatever they are.
    const value = (payload as Record<string, unknown>)[field]
    return field in payload && value !== null && !Number.isFinite(value)
  })
  return [
    ...extra.map(
      (field) => `"${name}" was sent with "${field}": document it in src/runner/event-table.ts, or leave it out`,
    ),
    ...missing.map((field) => `"${name}" was sent without "${field}", which src/runner/event-table.ts promises`),
    ...wrong.map((field) => `"${field}" of "${name}" is a measurement and was sent as no number`),
  ]
}

/** Watches all events of a runner; answers where what came differed from the table. */
export function watchShapes(runner: {
  on<Name extends keyof RunnerEvents>(name: Name, listener: (payload: RunnerEvents[Name]) => void): unknown
}): { readonly problems: Set<string>; readonly seen: Set<keyof RunnerEvents> } {
  const problems = new Set<string>()
  const seen = new Set<keyof RunnerEvents>()
  for (const name of EVENT_NAMES) {
    runner.on(name, (payload) => {
      seen.add(name)
      for (const problem of differences(name, payload)) problems.add(problem)
    })
  }
  return { problems, seen }
}
