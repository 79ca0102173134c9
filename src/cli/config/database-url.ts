/** Database URLs, as far as the command line must understand them. */

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'

import { maskPasswords } from '../../host/mask-passwords.ts'

/** The file of an embedded database, made absolute; undefined for one in memory, and for every other URL. */
export function fileOfUrl(url: string, folder: string): string | undefined {
  if (!url.startsWith('sqlite:')) return undefined
  const path = url.slice('sqlite:'.length).replace(/^\/\//, '')
  return path === '' || path.startsWith(':') ? undefined : resolve(folder, path)
}

/** The file of an embedded database that does not exist; undefined when there is one, or when it is no file. */
export function missingFile(url: string, folder: string): string | undefined {
  const file = fileOfUrl(url, folder)
  return file === undefined || existsSync(file) ? undefined : file
}

/** A URL as it may be shown, with the place of its file. */
export function shownUrl(url: string, folder: string): string {
  const file = fileOfUrl(url, folder)
  const masked = maskPasswords(url)
  return file === undefined || url === `sqlite:${file}` ? masked : `${masked} (${file})`
}
