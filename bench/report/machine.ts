/** The machine, for the report. */

import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, release, tmpdir, totalmem, type } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import { median } from './statistics.ts'

const SYNCS = 200
const GIB = 1_024 ** 3

/** What it is and how busy it is, measured now. */
export function describeMachine(): Record<string, string> {
  return {
    processor: `${cpus()[0]?.model.trim() ?? 'unknown'}, ${availableParallelism()} cores`,
    memory: `${(totalmem() / GIB).toFixed(1)} GiB`,
    'load at the start': loadText(),
    kernel: `${type()} ${release()}`,
    node: process.version,
    fdatasync: `${fdatasyncMs().toFixed(2)} ms (median of ${SYNCS} appended pages of 8 KiB, in ${tmpdir()})`,
  }
}

export function loadText(): string {
  return loadavg()
    .map((load) => load.toFixed(2))
    .join(', ')
}

/** The version of an installed package, of millrace itself from the root's package.json. */
export function versionOf(packageName: string): string {
  const path = packageName === 'millrace' ? '../../package.json' : `../node_modules/${packageName}/package.json`
  try {
    // The file is a package.json; npm insists on a version.
    const { version } = JSON.parse(readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8')) as {
      version: string
    }
    return version
  } catch {
    return 'not installed'
  }
}

function fdatasyncMs(): number {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-sync-'))
  const file = openSync(join(folder, 'pages'), 'w')
  const page = Buffer.alloc(8_192, 1)
  try {
    const times = Array.from({ length: SYNCS }, () => {
      writeSync(file, page)
      const startedAt = performance.now()
      fdatasyncSync(file)
      return performance.now() - startedAt
    })
    return median(times)
  } finally {
    closeSync(file)
    rmSync(folder, { recursive: true, force: true })
  }
}
