/** What the table of events says of a payload. */

import { onTestFinished } from 'vitest'

import { EVENT_NAMES, EVENT_TABLE } from '../../src/runner/event-table.ts'
import type { RunnerEvents } from '../../src/runner/events.ts'
import { Bus } from '../../src/telemetry/bus.ts'

/** Where a payload differs from its row in src/runner/event-table.ts, as sentences; none when it is as documented. */
export function differences(name: keyof RunnerEvents, payload: unknown): string[] {
  const row = EVENT_TABLE[name]
  if (row === undefined) return [`event "${name}" has no row in src/runner/event-table.ts: add it`]
  if (typeof payload !== 'object' || payload === null) return [`the payload of "${name}" is no object`]
  const documented = [...Object.keys(row.measurements), ...Object.keys(row.metadata)]
  const extra = Object.keys(payload).filter((field) => !documented.includes(field))
  const isOptional = (field: string): boolean => /absent/.test(row.metadata[field] ?? '')
  const missing = documented.filter((field) => !(field in payload) && !isOptional(field))
  const wrong = Object.entries(row.measurements).flatMap(([field, { means }]) => {
    // Its own fields, whatever they are.
    const value = (payload as Record<string, unknown>)[field]
    const isRight = Number.isFinite(value) || (value === null && /\bnull\b/.test(means))
    return field in payload && !isRight ? [field] : []
  })
  return [
    ...extra.map(
      (field) => `"${name}" was sent with "${field}": document it in src/runner/event-table.ts, or leave it out`,
    ),
    ...missing.map((field) => `"${name}" was sent without "${field}", which src/runner/event-table.ts promises`),
    ...wrong.map((field) => `"${field}" of "${name}" is a measurement and was sent as no number`),
  ]
}

/** Answers which events any bus sends from now on, until the test ends, that no row of the table is about. */
function watchUndocumented(problems: Set<string>): void {
  const { send } = Bus.prototype
  // Whatever its name and payload are, they are passed on as they came.
  Bus.prototype.send = function sendWatched(this: Bus<object>, name: never, payload: never) {
    for (const problem of differences(name, payload)) problems.add(problem)
    return send.call(this, name, payload)
  } as typeof send
  onTestFinished(() => void (Bus.prototype.send = send))
}

/** Watches all events of a runner; answers where what came differed from the table. To be called in a test. */
export function watchShapes(runner: {
  on<Name extends keyof RunnerEvents>(name: Name, listener: (payload: RunnerEvents[Name]) => void): unknown
}): { readonly problems: Set<string>; readonly seen: Set<keyof RunnerEvents> } {
  const problems = new Set<string>()
  const seen = new Set<keyof RunnerEvents>()
  watchUndocumented(problems)
  // An event that is costly to make is made for listeners only.
  for (const name of EVENT_NAMES) runner.on(name, () => void seen.add(name))
  return { problems, seen }
}
