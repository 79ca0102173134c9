/**
 * The demo: a real workload over the files of this machine, one worker, and an SQLite file of its own or a
 * PostgreSQL server. `npm start` and `npx millrace demo` call it.
 *
 *     *.md ─────────▶ pages ─────┬──▶ links     fails where a page links to files that are not there
 *     package.json ─▶ manifests ─┼──▶ index     one document at a time, each synced to the disk: the slow stage
 *     *.js, *.ts ───▶ sources ───┘
 */

import { join, resolve } from 'node:path'

import { RunnerError } from '../index.ts'
import { FAILED, REFUSED, type DemoOptions } from './demo-options.ts'
import { DemoRun } from './demo-run.ts'
import { findInputs } from './inputs/find-inputs.ts'
import { jobsPlace } from './jobs-place.ts'
import { closeFolder, openFolder } from './run-folder.ts'
import { printable } from './screen/text.ts'
import { workingFolder } from './surroundings.ts'

export type { DemoOptions } from './demo-options.ts'

/** Runs the demo. Resolves with the exit code: 0 done or stopped, 1 failed or `once` was cut short, 5 refused. */
export async function runDemo(options: DemoOptions): Promise<number> {
  try {
    return await prepareAndRun(options)
  } catch (error) {
    if (!isOperatingError(error)) throw error
    options.stderr.write(`the demo failed: ${printable(error.message)}\n`)
    return FAILED
  }
}

async function prepareAndRun(options: DemoOptions): Promise<number> {
  const folder = resolve(options.dir ?? join('.millrace', 'demo'))
  const inputs = await findInputs(workingFolder(), options.limit)
  if (inputs.files.length === 0) {
    options.stderr.write('there is nothing to work on: no node_modules here or above, and no npm beside this Node\n')
    return REFUSED
  }
  const place = jobsPlace(folder, options.database)
  const opened = await openFolder(folder, { files: inputs.files, place })
  if (opened.outcome === 'refused') {
    options.stderr.write(`${opened.reason}\n`)
    return REFUSED
  }
  try {
    const run = new DemoRun(options, { folder, inputs, place, isContinued: opened.outcome === 'unfinished' })
    return await run.toItsEnd()
  } finally {
    await closeFolder(folder)
  }
}

/** The store or the disk is in trouble: that needs a sentence, not a stack. */
function isOperatingError(error: unknown): error is Error {
  return error instanceof RunnerError || (error instanceof Error && 'syscall' in error)
}
