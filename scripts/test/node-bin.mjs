/** How to start the tools in node_modules without a shell. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

import { root } from '../boot/common.mjs'

/**
 * @param {string} name of the package
 * @param {string[]} args
 * @param {string} [bin] the command, where it is not called as the package is
 * @returns {[string, string[]]} command and arguments
 */
export function nodeBin(name, args, bin = name) {
  const folder = join(root, 'node_modules', name)
  const { bin: bins } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  return [process.execPath, [join(folder, typeof bins === 'string' ? bins : bins[bin]), ...args]]
}
