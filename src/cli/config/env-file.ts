/** The file `.env` of the working folder. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'

/**
 * Adds the variables of `.env` to `env`, if there is such a file. What is set already stays.
 *
 * @returns Why the file could not be read, or undefined.
 */
export function readEnvFile(folder: string, env: Record<string, string | undefined>): string | undefined {
  let text: string
  try {
    text = readFileSync(join(folder, '.env'), 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? undefined : `.env cannot be read (${code ?? String(error)}); going on without it`
  }
  for (const [name, value] of Object.entries(parseEnv(text))) env[name] ??= value
  return undefined
}
