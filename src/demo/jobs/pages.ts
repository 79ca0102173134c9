/** Pages: each Markdown file becomes an HTML page that is safe to open, and its links are checked. */

import { readFile, stat } from 'node:fs/promises'
import { dirname, join, posix, resolve } from 'node:path'

import { currentJob, job } from '../../index.ts'
import { writeAtomically } from '../atomic-file.ts'
import { escapeHtml, htmlPage } from '../documents/html.ts'
import { pathOfLink, readMarkdown, relativeLinks, renderMarkdown } from '../documents/markdown.ts'
import { wordsOf } from '../documents/words.ts'
import { pageNameOf, type InputFile, type InputJob } from '../inputs/input-file.ts'
import { stableId } from '../stable-id.ts'
import { add } from './search-index.ts'

/** What is known of a page afterwards. */
export interface RenderedPage {
  readonly title: string
  readonly words: number
  readonly links: number
}

/** What is known of a page whose links are right. */
export interface CheckedLinks {
  readonly checked: number
}

const WORDS_PER_PAGE = 250

/**
 * Renders a Markdown file into `folder`. What follows from it becomes jobs of their own, with ids that depend on this job's:
 * when the process dies here and the job runs again, they are not there twice.
 */
export const render: InputJob<RenderedPage> = job(
  { queue: 'pages', key: 'args[0].package' },
  async (input: InputFile, folder: string) => {
    const { id, enqueue } = currentJob()
    const document = readMarkdown(await readFile(input.file, 'utf8'))
    const title = document.title ?? input.path
    const links = relativeLinks(document)
    const missing = new Set(await missingFiles(input, links))
    const pageOf = (href: string): string | undefined => {
      const path = posix.join(posix.dirname(input.path), pathOfLink(href))
      return /\.md$/i.test(path) && !missing.has(pathOfLink(href)) ? pageNameOf(path) : undefined
    }

    const page = pageNameOf(input.path)
    const note = `<p class="dim"><a href="../index.html">search</a> · ${escapeHtml(input.path)}</p>`
    const body = `${note}\n${renderMarkdown(document, pageOf)}`
    await writeAtomically(join(folder, 'pages', page), htmlPage({ title, body }))

    const words = wordsOf(`${title} ${input.package} ${document.text}`, WORDS_PER_PAGE)
    const found = { number: input.number, kind: 'page', title, path: input.path, page: `pages/${page}` }
    await enqueue(add, [found, words, folder], { id: stableId(id, 'add'), tags: ['page'] })
    if (links.length > 0) await enqueue(checkLinks, [input, links], { id: stableId(id, 'checkLinks'), tags: ['page'] })
    return { title, words: words.length, links: document.links.length }
  },
)

/**
 * Checks that the files a page links to are there. Packages often publish a README without the folder it points to: such a
 * job fails, is tried once more in case the file was just being written, and ends among the dead letters.
 */
export const checkLinks: (input: InputFile, links: readonly string[]) => Promise<CheckedLinks> = job(
  { queue: 'links', key: 'args[0].package', maxAttempts: 2, backoff: { base: '500ms', factor: 2, max: '2s' } },
  async (input: InputFile, links: readonly string[]) => {
    const missing = await missingFiles(input, links)
    if (missing.length > 0) throw new Error(`broken links in "${input.path}": no file ${quoted(missing)}`)
    return { checked: links.length }
  },
)

async function missingFiles(input: InputFile, links: readonly string[]): Promise<string[]> {
  const isThere = await Promise.all(links.map((link) => exists(resolve(dirname(input.file), link))))
  return links.filter((_, index) => isThere[index] !== true)
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  )
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`)
  return names.length > shown.length ? `${shown.join(', ')} and ${names.length - shown.length} more` : shown.join(', ')
}
