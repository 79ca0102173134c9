/** A library that runs in Node. */

import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import { versionOf } from '../report/machine.ts'
import { labelOf } from './cell.ts'
import type { Competitor } from './competitor.ts'
import type { StreamContender } from './contender.ts'

export const nodeLibraryNames = ['millrace', 'node-streams', 'web-streams', 'effect', 'rxjs'] as const

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url))

/** Loads its module, for what that says of it; each cell is measured in a process of its own. */
export async function nodeLibrary(name: string): Promise<Competitor> {
  // Every module in contenders/ exports a contender.
  const { contender } = (await import(`./contenders/${name}.mjs`)) as { contender: StreamContender }
  const versions = contender.packages.map((packageName) => `${packageName} ${versionOf(packageName)}`)
  return {
    name,
    versions: versions.length === 0 ? [`node ${process.version}`] : versions,
    settings: contender.settings,
    cannot: contender.cannot,
    program: (cell, { cpuMs, profiles }) => {
      const folder =
        profiles === undefined ? undefined : join(profiles, `${name} ${labelOf(cell)}`.replaceAll(/\W+/g, '-'))
      const profiling = folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', folder]
      const args = [name, cell.topology.name, String(cell.maxDemand), String(cpuMs)]
      return { file: process.execPath, args: [...profiling, CHILD, ...args] }
    },
  }
}
