/**
 * The search index as one file, which is at the same time the script that the search page loads: a page opened from the disk
 * may run scripts beside it, but not read files.
 */

/** A document that can be found. */
export interface SearchDocument {
  /** The number of the input: the same in every run over the same files. */
  readonly number: number
  readonly kind: string
  readonly title: string
  readonly path: string
  /** The page to open, relative to the search page; empty when there is none. */
  readonly page: string
}

/** All documents by number, and for each word the numbers of the documents that have it; everything in order. */
export interface SearchData {
  readonly documents: readonly SearchDocument[]
  readonly words: readonly (readonly [word: string, documents: readonly number[]])[]
}

const BEFORE = 'globalThis.searchData = '

/** An index without documents. */
export const EMPTY_SEARCH_DATA: SearchData = { documents: [], words: [] }

/** The text of the file. */
export function printSearchData(data: SearchData): string {
  return `${BEFORE}${JSON.stringify(data)}\n`
}

/** Reads what {@link printSearchData} wrote. */
export function parseSearchData(text: string): SearchData {
  // The file has one writer, and is always there as a whole.
  return JSON.parse(text.slice(BEFORE.length)) as SearchData
}

/** The index with a document more. Adding one again changes nothing, and the order of additions leaves no trace. */
export function withDocument(data: SearchData, document: SearchDocument, words: readonly string[]): SearchData {
  const { number } = document
  const others = data.documents.filter((other) => other.number !== number)
  const postings = new Map(data.words)
  for (const word of words) {
    const numbers = postings.get(word) ?? []
    if (!numbers.includes(number))
      postings.set(
        word,
        [...numbers, number].sort((a, b) => a - b),
      )
  }
  return {
    documents: [...others, document].sort((a, b) => a.number - b.number),
    words: [...postings].sort(([a], [b]) => (a < b ? -1 : 1)),
  }
}
