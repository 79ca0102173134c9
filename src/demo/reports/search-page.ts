/** The page that one looks for documents with. It works from the disk: its data is a script beside it. */

import { join } from 'node:path'

import { writeAtomically } from '../atomic-file.ts'
import { htmlPage } from '../documents/html.ts'
import { INDEX_FILE } from '../jobs/search-index.ts'

const BODY = `<h1>What is in node_modules</h1>
<p><input type="search" id="query" placeholder="Words in titles, pages, packages and sources" autofocus></p>
<p class="dim" id="state">The index is being built; reload in a moment.</p>
<ol id="results"></ol>
<p class="dim">Made by the millrace demo: <a href="duplicates.html">files that are almost the same</a>,
<a href="manifests.json">all manifests</a>.</p>`

/** Puts text into the page as text only: titles and paths come from strangers. */
const SCRIPT = `const { documents, words } = globalThis.searchData ?? { documents: [], words: [] }
const byNumber = new Map(documents.map((document) => [document.number, document]))
const query = document.getElementById('query')
const state = document.getElementById('state')
const results = document.getElementById('results')
const MOST = 100

function search(text) {
  const terms = text.toLowerCase().split(/\\s+/).filter((term) => term !== '')
  if (terms.length === 0) return []
  const scores = terms.map((term) => {
    const scored = new Map()
    const add = (number, score) => scored.set(number, Math.max(score, scored.get(number) ?? 0))
    for (const { number, title } of documents) if (title.toLowerCase().includes(term)) add(number, 3)
    for (const [word, numbers] of words) {
      if (word.startsWith(term)) for (const number of numbers) add(number, word === term ? 2 : 1)
    }
    return scored
  })
  return [...scores[0].keys()]
    .filter((number) => scores.every((scored) => scored.has(number)))
    .map((number) => [number, scores.reduce((sum, scored) => sum + scored.get(number), 0)])
    .sort(([a, scoreA], [b, scoreB]) => scoreB - scoreA || a - b)
    .map(([number]) => byNumber.get(number))
}

function show() {
  const found = search(query.value)
  const counts = documents.length + ' documents, ' + words.length + ' words'
  state.textContent = query.value.trim() === '' ? counts : found.length + ' of ' + counts
  results.replaceChildren(...found.slice(0, MOST).map(item))
}

function item({ title, path, page, kind }) {
  const title_ = document.createElement(page === '' ? 'span' : 'a')
  if (page !== '') title_.href = page
  title_.textContent = title
  const note = document.createElement('small')
  note.textContent = kind + ' · ' + path
  const line = document.createElement('li')
  line.append(title_, note)
  return line
}

query.addEventListener('input', show)
show()
`

/** Writes the search page. It may be opened at once, and finds what the index has by then. */
export async function writeSearchPage(folder: string): Promise<void> {
  await writeAtomically(join(folder, 'search.js'), SCRIPT)
  const page = htmlPage({ title: 'Search', body: BODY, scripts: [INDEX_FILE, 'search.js'] })
  await writeAtomically(join(folder, 'index.html'), page)
}
