/** A copy of the build in a temp folder, with pieces of its text replaced: how bugs are planted without a switch in what is shipped. */

import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** The build itself. */
export const BUILD: string = join(ROOT, 'dist')

/** A piece of text to replace, everywhere in one file. */
export interface Patch {
  /** Relative to the build. */
  readonly file: string
  readonly find: string
  readonly replace: string
}

/** Makes the copy; throws when a text is not there, because then nothing would be planted. */
export function copyBuild(patches: readonly Patch[]): { readonly build: string; remove(): void } {
  if (!existsSync(BUILD)) throw new Error(`there is no ${BUILD}; run npm run build`)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-chaos-build-'))
  const build = join(folder, 'dist')
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  try {
    cpSync(BUILD, build, { recursive: true })
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir')
    for (const { file, find, replace } of patches) {
      const path = join(build, file)
      const text = readFileSync(path, 'utf8')
      if (!text.includes(find))
        throw new Error(`the bug cannot be planted: ${file} has no text ${JSON.stringify(find)}`)
      writeFileSync(path, text.replaceAll(find, replace))
    }
    return { build, remove }
  } catch (error) {
    remove()
    throw error
  }
}
