/** The words by which a document is found. */

const STOP_WORDS = new Set(
  'and are but can for from has have how into its not that the their then there they this use was when which will with you your'.split(
    ' ',
  ),
)

/** The most frequent words of a text, in alphabetical order, at most `limit`. */
export function wordsOf(text: string, limit: number): string[] {
  const counts = new Map<string, number>()
  for (const [word] of text.toLowerCase().matchAll(/\p{L}[\p{L}\p{N}_-]{2,31}/gu)) {
    if (!STOP_WORDS.has(word)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  return [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, limit)
    .map(([word]) => word)
    .sort()
}
