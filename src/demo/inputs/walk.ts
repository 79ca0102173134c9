/** Finding files below a folder, in an order that depends on their names only. */

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

import { kindOf, type InputKind } from './input-file.ts'

/** A file that may become an input. */
export interface FoundFile {
  readonly kind: InputKind
  /** For people, with `/`. */
  readonly path: string
  readonly file: string
}

/** A tree to look through. */
export interface InputRoot {
  /** What its paths begin with: `node_modules`. */
  readonly label: string
  readonly folder: string
}

/** So that a huge project does not keep the demo looking for minutes. */
const MOST_ENTRIES = 60_000

/**
 * All files below a root that the demo has a use for. Links are not followed, so nothing is found twice and there is no
 * circle; a folder that cannot be read is passed over.
 */
export async function filesBelow(root: InputRoot): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  const pending: InputRoot[] = [root]
  let entries = 0
  for (let next = pending.pop(); next !== undefined && entries < MOST_ENTRIES; next = pending.pop()) {
    const { label, folder } = next
    const children = await readdir(folder, { withFileTypes: true }).catch(() => [])
    entries += children.length
    children.sort((a, b) => compareText(a.name, b.name))
    const folders: InputRoot[] = []
    for (const child of children) {
      const entry = { label: `${label}/${child.name}`, folder: join(folder, child.name) }
      if (child.isDirectory() && isWorthLooking(child.name)) folders.push(entry)
      const kind = child.isFile() ? kindOf(child.name) : undefined
      if (kind !== undefined) found.push({ kind, path: entry.label, file: entry.folder })
    }
    pending.push(...folders.toReversed())
  }
  return found
}

/** The size of a file in bytes; 0 when it is gone. */
export async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined)
  return found?.size ?? 0
}

/** The same everywhere, unlike an order by the user's language. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

/** Hidden folders hold caches; `.pnpm` is where pnpm keeps the packages themselves. */
function isWorthLooking(name: string): boolean {
  return !name.startsWith('.') || name === '.pnpm'
}
