/** The reports at the end, made of the results that the store keeps with the jobs. */

import { join } from 'node:path'

import { writeAtomically } from '../atomic-file.ts'
import { escapeHtml, htmlPage } from '../documents/html.ts'
import { nearDuplicates, type DuplicateGroup } from '../documents/near-duplicates.ts'
import type { Tally } from '../tally.ts'

/** How many entries the reports have. */
export interface ReportCounts {
  readonly manifests: number
  readonly duplicateGroups: number
}

/** From here on two files count as almost the same. */
const ALMOST_THE_SAME = 0.8

/** Writes `manifests.json`, `duplicates.json` and `duplicates.html`. */
export async function writeReports(folder: string, { manifests, fingerprints }: Tally): Promise<ReportCounts> {
  const sorted = manifests.toSorted((a, b) => (a.path < b.path ? -1 : 1))
  await writeAtomically(join(folder, 'manifests.json'), `${JSON.stringify(sorted, null, 2)}\n`)
  const groups = nearDuplicates(fingerprints, ALMOST_THE_SAME)
  await writeAtomically(join(folder, 'duplicates.json'), `${JSON.stringify(groups, null, 2)}\n`)
  await writeAtomically(join(folder, 'duplicates.html'), duplicatesPage(groups))
  return { manifests: sorted.length, duplicateGroups: groups.length }
}

function duplicatesPage(groups: readonly DuplicateGroup[]): string {
  const sections = groups.map(({ files, similarity }) => {
    const items = files.map((file) => `<li>${escapeHtml(file)}</li>`).join('')
    return `<h2>${files.length} files, ${Math.round(similarity * 100)} % alike</h2>\n<ul>${items}</ul>`
  })
  const title = 'Files that are almost the same'
  const body = `<p class="dim"><a href="index.html">search</a></p>\n<h1>${title}</h1>\n${sections.join('\n')}`
  return htmlPage({ title, body })
}
