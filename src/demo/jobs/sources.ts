/** Sources: the fingerprint of a source file, to find files that are almost the same. Heavy on the processor. */

import { readFile } from 'node:fs/promises'

import { currentJob, job } from '../../index.ts'
import { sketch } from '../documents/min-hash.ts'
import { tokensOf } from '../documents/source-tokens.ts'
import { wordsOf } from '../documents/words.ts'
import { nodeClock } from '../../host/clock.ts'
import type { InputFile, InputJob } from '../inputs/input-file.ts'
import { stableId } from '../stable-id.ts'
import { add } from './search-index.ts'

/** What the report needs of a source file. */
export interface Fingerprint {
  readonly path: string
  readonly tokens: number
  readonly sketch: readonly number[]
}

const WORDS_PER_SOURCE = 80
const clock = nodeClock()

/**
 * Computes the fingerprint of a source file, telling how far it is. Between two slices of the work others get their turn,
 * and a job that should stop does.
 */
export const fingerprint: InputJob<Fingerprint> = job(
  { queue: 'sources', key: 'args[0].package' },
  async (input: InputFile, folder: string) => {
    const { id, enqueue, progress, signal } = currentJob()
    const tokens = tokensOf(await readFile(input.file, 'utf8'))
    const pause = async (done: number): Promise<void> => {
      progress(done)
      await new Promise<void>((resolve) => clock.soon(resolve))
      signal.throwIfAborted()
    }
    const numbers = await sketch(tokens, { pause })

    const words = wordsOf(`${input.package} ${tokens.join(' ')}`, WORDS_PER_SOURCE)
    const found = { number: input.number, kind: 'source', title: input.path, path: input.path, page: '' }
    await enqueue(add, [found, words, folder], { id: stableId(id, 'add'), tags: ['source'] })
    return { path: input.path, tokens: tokens.length, sketch: numbers }
  },
)
