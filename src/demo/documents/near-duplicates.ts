/** Files that are almost the same. */

import { similarity } from './min-hash.ts'

/** A file and the sketch of its content. */
export interface Sketched {
  readonly path: string
  readonly sketch: readonly number[]
}

/** Files each of which is alike to another one of the group. */
export interface DuplicateGroup {
  readonly files: readonly string[]
  /** Of its most unlike direct neighbours, 0 to 1. */
  readonly similarity: number
}

/** Groups the files that are at least `least` alike, largest groups first. The order of `files` does not matter. */
export function nearDuplicates(files: readonly Sketched[], least: number): DuplicateGroup[] {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  const groups = new Map<Sketched, { members: Set<Sketched>; similarity: number }>()
  for (const [index, file] of sorted.entries()) {
    for (const other of sorted.slice(index + 1)) {
      const alike = similarity(file.sketch, other.sketch)
      if (alike < least) continue
      const one = groups.get(file) ?? { members: new Set([file]), similarity: 1 }
      const two = groups.get(other) ?? { members: new Set([other]), similarity: 1 }
      const merged = {
        members: new Set([...one.members, ...two.members]),
        similarity: Math.min(alike, one.similarity, two.similarity),
      }
      for (const member of merged.members) groups.set(member, merged)
    }
  }
  return [...new Set(groups.values())]
    .map((group) => ({ files: [...group.members].map(({ path }) => path).sort(), similarity: group.similarity }))
    .sort((a, b) => b.files.length - a.files.length || ((a.files[0] ?? '') < (b.files[0] ?? '') ? -1 : 1))
}
