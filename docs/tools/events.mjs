/**
 * Writes the table of events in docs/telemetry.md from the one in the built package: `node docs/tools/events.mjs`.
 * A test fails when the page is not what this writes.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { EVENT_TABLE } from '../../dist/runner/event-table.js'

const PAGE = fileURLToPath(new URL('../telemetry.md', import.meta.url))
const BEGIN = '<!-- events: written by docs/tools/events.mjs -->'
const END = '<!-- end of events -->'

/** @param {string} page What is outside of the marks stays. */
export function withEvents(page) {
  const begin = page.indexOf(BEGIN)
  const end = page.indexOf(END)
  if (begin < 0 || end < begin) throw new Error(`docs/telemetry.md needs the lines "${BEGIN}" and "${END}"`)
  const events = Object.entries(EVENT_TABLE).map(([name, row]) => section(name, row))
  return `${page.slice(0, begin)}${BEGIN}\n\n${events.join('\n\n')}\n\n${page.slice(end)}`
}

/**
 * @param {string} name
 * @param {import('../../dist/runner/event-table.js').EventRow} row
 */
function section(name, { when, measurements, metadata }) {
  const rows = [
    ...Object.entries(measurements).map(([field, { unit, means }]) => [`\`${field}\``, unit, means]),
    ...Object.entries(metadata).map(([field, means]) => [`\`${field}\``, '', means]),
  ]
  return `### \`${name}\`\n\n${when}\n\n${table([['field', 'unit', 'means'], ...rows])}`
}

/** @param {readonly (readonly string[])[]} rows formatted as the formatter would */
function table(rows) {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const line = (/** @type {readonly string[]} */ row) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`
  const [head = [], ...rest] = rows
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rest.map(line)].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, withEvents(readFileSync(PAGE, 'utf8')))
}
