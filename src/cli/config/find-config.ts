/** Which configuration file is meant. */

import { existsSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'

import { suggestion } from '../../job/suggest.ts'
import { usageError } from '../cli-error.ts'

/** The names that are looked for, the first that exists wins. */
export const CONFIG_NAMES = [
  'millrace.config.ts',
  'millrace.config.mts',
  'millrace.config.js',
  'millrace.config.mjs',
] as const

/** The file that `--config` names, made absolute. Throws, with the nearest name, when it is not there. */
export function namedConfig(folder: string, name: string): string {
  const file = resolve(folder, name)
  if (isFile(file)) return file
  const hint = suggestion(basename(file), namesIn(dirname(file))).replace(/^; /, '')
  throw usageError(`there is no file ${file}, which --config names`, hint === '' ? undefined : hint)
}

/** The configuration of a folder, or undefined. */
export function configIn(folder: string): string | undefined {
  return CONFIG_NAMES.map((name) => join(folder, name)).find(isFile)
}

/** Says that a folder has no configuration, and what may have been meant. */
export function describeMissingConfig(folder: string): { readonly message: string; readonly hint: string } {
  const message = `there is no ${CONFIG_NAMES[0]} (or .mts, .js, .mjs) in ${folder}`
  const above = configAbove(folder)
  if (above !== undefined) {
    return { message, hint: `there is ${relative(folder, above)}: go to its folder, or name it with --config` }
  }
  const near = namesIn(folder).find((name) => suggestion(name, CONFIG_NAMES) !== '')
  if (near !== undefined)
    return { message, hint: `there is ${near}: rename it to ${CONFIG_NAMES[0]}, or name it with --config` }
  return { message, hint: 'create one whose default export is a runner: export default createRunner({ jobs: { … } })' }
}

function configAbove(folder: string): string | undefined {
  for (let above = dirname(folder), below = folder; above !== below; below = above, above = dirname(above)) {
    const found = configIn(above)
    if (found !== undefined) return found
  }
  return undefined
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}
