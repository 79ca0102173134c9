/** What the processes of a run said of themselves. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One line of a journal; program/*.mjs say which kinds there are. */
export interface JournalLine {
  /** The slot whose process wrote it. */
  readonly slot: string
  readonly at: number
  readonly kind: string
  readonly pid: number
  readonly job?: string
  readonly name?: string
  readonly attempt?: number
  readonly node?: string
  readonly point?: string
  readonly code?: string
  readonly message?: string
}

/** The journals of a folder, in the order of time. */
export function readJournals(folder: string): readonly JournalLine[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.journal'))
    .flatMap((name) => readJournal(folder, name.slice(0, -'.journal'.length)))
    .sort((a, b) => a.at - b.at)
}

function readJournal(folder: string, slot: string): JournalLine[] {
  const lines = readFileSync(join(folder, `${slot}.journal`), 'utf8').split('\n')
  // Lines are written whole, by program/journal.mjs.
  return lines
    .filter((line) => line !== '')
    .map((line) => ({ ...(JSON.parse(line) as Omit<JournalLine, 'slot'>), slot }))
}
