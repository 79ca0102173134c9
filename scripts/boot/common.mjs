/** What the boot steps share. */

import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

/** The folder of package.json. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** An end that was foreseen: its message is for the user, its stack is not. */
export class Stop extends Error {
  /**
   * @param {string} message what failed and what to do
   * @param {number} [exitCode]
   */
  constructor(message, exitCode = 1) {
    super(message)
    this.name = 'Stop'
    this.exitCode = exitCode
  }
}

/**
 * @param {unknown} error
 * @returns {string} what to print
 */
export function explain(error) {
  if (error instanceof Stop) return `millrace: ${error.message}`
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

/**
 * Writes a whole file or nothing: a reader never sees half of it, and a crash leaves the old one.
 *
 * @param {string} path
 * @param {string} text
 */
export function writeWhole(path, text) {
  mkdirSync(dirname(path), { recursive: true })
  const draft = `${path}.${process.pid}`
  writeFileSync(draft, text)
  renameSync(draft, path)
}
