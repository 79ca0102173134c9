/** The search index: one file that everything ends up in, and so the slow stage. */

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

import { job } from '../../index.ts'
import { writeAtomically } from '../atomic-file.ts'
import {
  EMPTY_SEARCH_DATA,
  parseSearchData,
  printSearchData,
  withDocument,
  type SearchData,
  type SearchDocument,
} from '../documents/search-data.ts'

/** Adds a document that has these words to the index in a folder. */
export type AddDocument = (document: SearchDocument, words: readonly string[], folder: string) => Promise<void>

/** The file in the output folder that holds the index. */
export const INDEX_FILE: string = 'search-data.js'

/**
 * Adds a document to the index: reads the whole index, merges the document's words, writes all of it and waits until the
 * disk has it. The index is right after every document, also after a power cut; that is what makes this stage slow. Two
 * jobs at a time would overwrite each other's work, so its queue has a concurrency of 1.
 */
export const add: AddDocument = job(
  { queue: 'index', maxAttempts: 5, backoff: { base: '500ms', factor: 2, max: '5s' } },
  async (document: SearchDocument, words: readonly string[], folder: string) => {
    const path = join(folder, INDEX_FILE)
    const data = withDocument(await readIndex(path), document, words)
    await writeAtomically(path, printSearchData(data), { sync: true })
  },
)

async function readIndex(path: string): Promise<SearchData> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  })
  return text === undefined ? EMPTY_SEARCH_DATA : parseSearchData(text)
}
