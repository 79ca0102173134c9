/** The nearest of some words, for messages about a word that is unknown. */

/** Words longer than this are compared by their first characters only: names are short, input may not be. */
const LONGEST_COMPARED = 128

/**
 * The candidate that `word` was most likely meant to be, or undefined when none is near. Near is at most one wrong, missing,
 * added or swapped character for every three of the word, upper and lower case being nearly the same.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined
  let bestDistance = Math.max(1, Math.floor(Math.min(word.length, LONGEST_COMPARED) / 3)) + 0.5
  for (const candidate of candidates) {
    const distance = distanceIgnoringCase(word, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean "x"?` when a candidate is near, otherwise the empty text. */
export function suggestion(word: string, candidates: Iterable<string>): string {
  const found = nearest(word, candidates)
  return found === undefined ? '' : `; did you mean "${found}"?`
}

function distanceIgnoringCase(left: string, right: string): number {
  if (left === right) return 0
  // A small price for case, so that of two candidates the one written alike wins.
  return (
    editDistance(left.slice(0, LONGEST_COMPARED).toLowerCase(), right.slice(0, LONGEST_COMPARED).toLowerCase()) + 0.1
  )
}

/** The Damerau-Levenshtein distance (optimal string alignment): edits and swaps of neighbours, one point each. */
export function editDistance(left: string, right: string): number {
  let beforePrevious: number[] = []
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const isSame = left[row - 1] === right[column - 1]
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (isSame ? 0 : 1),
      )
      const isSwap = row > 1 && column > 1 && left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1]
      if (isSwap) cost = Math.min(cost, at(beforePrevious, column - 2) + 1)
      current.push(cost)
    }
    beforePrevious = previous
    previous = current
  }
  return at(previous, right.length)
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity
}
