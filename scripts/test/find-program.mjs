/** Looks for programs of the machine that some suites need. */

import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import process from 'node:process'

/** Debian puts servers where only the PATH of root looks. */
const MORE_FOLDERS = ['/usr/sbin', '/usr/local/sbin']

/**
 * @param {string} name
 * @param {string} [path] folders as in PATH
 * @returns {string | undefined} where it is
 */
export function findProgram(name, path = process.env.PATH ?? '') {
  const folders = [...path.split(delimiter).filter((folder) => folder !== ''), ...MORE_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
