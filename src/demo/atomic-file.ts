/** Files that are there as a whole or not at all, whenever the process is killed. */

import { mkdir, open, rename } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

import { isWindows } from './surroundings.ts'

/** Options of {@link writeAtomically}. */
export interface WriteOptions {
  /** Whether the file must survive a power cut when the promise resolves. Default: false. */
  readonly sync?: boolean | undefined
}

/** Writes beside the file and moves the result over it. Doing it again, also after a kill in the middle, does no harm. */
export async function writeAtomically(path: string, text: string, options: WriteOptions = {}): Promise<void> {
  const folder = dirname(path)
  await mkdir(folder, { recursive: true })
  const unfinished = join(folder, `.${basename(path)}.unfinished`)
  const file = await open(unfinished, 'w')
  try {
    await file.writeFile(text)
    if (options.sync === true) await file.sync()
  } finally {
    await file.close()
  }
  await rename(unfinished, path)
  if (options.sync === true && !isWindows) await syncFolder(folder)
}

/** The new name is an entry of the folder, and that needs its own sync. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
