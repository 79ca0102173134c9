/** Manifests: what each package.json says about its package. */

import { readFile } from 'node:fs/promises'

import { currentJob, job } from '../../index.ts'
import { readManifest } from '../documents/manifest.ts'
import { wordsOf } from '../documents/words.ts'
import type { InputFile, InputJob } from '../inputs/input-file.ts'
import { stableId } from '../stable-id.ts'
import { add } from './search-index.ts'

/** What the report keeps of a manifest. */
export interface ManifestFacts {
  readonly path: string
  readonly name: string
  readonly version: string | null
  readonly licence: string | null
  readonly dependencies: readonly string[]
}

const WORDS_PER_MANIFEST = 60

/**
 * Reads a package.json. Its result is kept with the job, and the report is made of the results. A file that is no JSON fails,
 * and after a second look ends among the dead letters.
 */
export const read: InputJob<ManifestFacts> = job(
  { queue: 'manifests', key: 'args[0].package', maxAttempts: 2, backoff: { base: '500ms', factor: 2, max: '2s' } },
  async (input: InputFile, folder: string) => {
    const { id, enqueue } = currentJob()
    const manifest = readManifest(await readFile(input.file, 'utf8'))
    const { name = input.package, version, licence, dependencies, description = '', keywords } = manifest

    const title = version === undefined ? name : `${name} ${version}`
    const words = wordsOf([name, description, ...keywords, ...dependencies].join(' '), WORDS_PER_MANIFEST)
    const found = { number: input.number, kind: 'manifest', title, path: input.path, page: '' }
    await enqueue(add, [found, words, folder], { id: stableId(id, 'add'), tags: ['manifest'] })
    return { path: input.path, name, version: version ?? null, licence: licence ?? null, dependencies }
  },
)
