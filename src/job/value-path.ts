/** Where a value sits, as people write it: `args[0].items[3]`. */

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

/** Longer paths are cut in the middle: their ends are what helps. */
const LONGEST_PATH = 200

/** One step of a path, with the dot or the brackets that belong to it. */
export function pathStep(key: PropertyKey): string {
  if (typeof key === 'number') return `[${key}]`
  if (typeof key === 'symbol') return `[${String(key)}]`
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`
}

/** A path from its root and its steps, cut to a length that can be read. */
export function joinPath(root: string, steps: readonly string[]): string {
  const path = root + steps.join('')
  if (path.length <= LONGEST_PATH) return path
  return `${path.slice(0, LONGEST_PATH / 2)} … ${path.slice(-LONGEST_PATH / 4)}`
}
