/**
 * What a process says of itself, outside of what is tested: a line for each event, appended whole, so that it is there even
 * when the process is killed in the next moment. Times are the machine's, whatever `Date.now` says in this process.
 */

import { openSync, writeSync } from 'node:fs'

const realNow = Date.now

/** @param {string} path */
export function openJournal(path) {
  const file = openSync(path, 'a')
  /** @type {(kind: string, rest?: Record<string, unknown>) => void} */
  return (kind, rest = {}) => {
    writeSync(file, `${JSON.stringify({ at: realNow(), kind, pid: process.pid, ...rest })}\n`)
  }
}
