/** Which files of this machine the demo works on: bounded in number, and the same ones each time. */

import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

import { npmFolders } from '../surroundings.ts'
import { INPUT_KINDS, packageOf, type InputFile, type InputKind } from './input-file.ts'
import { filesBelow, sizeOf, type FoundFile, type InputRoot } from './walk.ts'

/** How many files of each kind are taken. */
const MOST: Readonly<Record<InputKind, number>> = { page: 400, manifest: 300, source: 1_000 }
/** With fewer files than this, those that came with Node's npm are taken too. */
const FEW_FILES = 500
/** Smaller sources have nothing to compare; larger ones are bundles. */
const SOURCE_BYTES = { least: 1_000, most: 150_000 }
/** Larger pages and manifests are not documents. */
const DOCUMENT_BYTES = { least: 1, most: 500_000 }

/** The inputs and where they were found. */
export interface Inputs {
  readonly files: readonly InputFile[]
  readonly folders: readonly string[]
}

/** Looks for inputs, from `folder` upwards; at most `limit` of each kind. */
export async function findInputs(folder: string, limit: number = Infinity): Promise<Inputs> {
  const own = nearestNodeModules(folder)
  const roots: InputRoot[] = own === undefined ? [] : [{ label: 'node_modules', folder: own }]
  const found = await filesOf(roots)
  if (found.length < FEW_FILES) {
    const npm = npmFolders().find((candidate) => existsSync(candidate))
    const isBelowOwn = npm !== undefined && own !== undefined && npm.startsWith(own)
    if (npm !== undefined && !isBelowOwn) {
      const root = { label: 'npm', folder: npm }
      roots.push(root)
      found.push(...(await filesOf([root])))
    }
  }
  const chosen: FoundFile[] = []
  for (const kind of INPUT_KINDS) chosen.push(...(await choose(found, kind, Math.min(limit, MOST[kind]))))
  return {
    files: chosen.map((input, index) => ({ number: index + 1, ...input, package: packageOf(input.path) })),
    folders: roots.map((root) => root.folder),
  }
}

function nearestNodeModules(folder: string): string | undefined {
  const candidate = join(folder, 'node_modules')
  if (existsSync(candidate)) return candidate
  const parent = dirname(folder)
  return parent === folder ? undefined : nearestNodeModules(parent)
}

async function filesOf(roots: readonly InputRoot[]): Promise<FoundFile[]> {
  const found: FoundFile[] = []
  for (const root of roots) found.push(...(await filesBelow(root)))
  return found
}

/** The first files of the kind that have a fit size, in turn from each package, so that no package takes all places. */
async function choose(found: readonly FoundFile[], kind: InputKind, limit: number): Promise<FoundFile[]> {
  const { least, most } = kind === 'source' ? SOURCE_BYTES : DOCUMENT_BYTES
  const chosen: FoundFile[] = []
  for (const candidate of inTurn(found.filter((file) => file.kind === kind))) {
    if (chosen.length >= limit) break
    const bytes = await sizeOf(candidate.file)
    if (bytes >= least && bytes <= most) chosen.push(candidate)
  }
  return chosen
}

function inTurn(files: readonly FoundFile[]): FoundFile[] {
  const byPackage = new Map<string, FoundFile[]>()
  for (const file of files) {
    const name = packageOf(file.path)
    const group = byPackage.get(name)
    if (group === undefined) byPackage.set(name, [file])
    else group.push(file)
  }
  const groups = [...byPackage.values()]
  const longest = Math.max(0, ...groups.map((group) => group.length))
  return Array.from({ length: longest }, (_, turn) => groups.flatMap((group) => group[turn] ?? [])).flat()
}
