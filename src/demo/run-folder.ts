/**
 * The folder that a run of the demo lives in: its output, and its database where that is a file.
 *
 *     empty ──▶ unfinished ──all jobs ended──▶ finished ──next run──▶ cleaned, unfinished …
 *                   └── killed, next run over the same files: goes on with what is there
 *
 * The marker file says which state it is in. It is the first that is written and the last that a cleaning removes, so a kill
 * at any moment leaves a folder that the next run understands.
 */

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { writeAtomically } from './atomic-file.ts'
import type { InputFile } from './inputs/input-file.ts'
import { DATABASE_FILE, type JobsPlace } from './jobs-place.ts'
import { stableId } from './stable-id.ts'
import { isOtherAlive, ownMark, type ProcessMark } from './surroundings.ts'

const MARKER_FILE = 'workload.json'
const LOCK_FILE = 'demo.lock'
/** Everything that a run leaves, the database first: without it nothing is gone on with. */
const OWN_ENTRIES = [
  DATABASE_FILE,
  `${DATABASE_FILE}-wal`,
  `${DATABASE_FILE}-shm`,
  'pages',
  'search-data.js',
  'search.js',
  'index.html',
  'manifests.json',
  'duplicates.json',
  'duplicates.html',
]
const UNFINISHED_FILE = /^\..*\.unfinished$/
/** Changes when jobs of an older version of the demo could not be gone on with. */
const VERSION = 1

/** What a run works on, and where its jobs are. */
export interface Workload {
  readonly files: readonly InputFile[]
  readonly place: JobsPlace
}

/** How a folder was found. */
export type OpenedFolder =
  | { readonly outcome: 'new' }
  /** A run over the same files was killed or stopped. */
  | { readonly outcome: 'unfinished' }
  | { readonly outcome: 'refused'; readonly reason: string }

interface Marker {
  readonly version: number
  readonly workload: string
  readonly isFinished: boolean
}

/** Makes the folder, and the place of the jobs, ready for a run. Anything but `refused` must be followed by {@link closeFolder}. */
export async function openFolder(folder: string, workload: Workload): Promise<OpenedFolder> {
  await mkdir(folder, { recursive: true })
  const entries = (await readdir(folder)).filter((name) => name !== LOCK_FILE && !UNFINISHED_FILE.test(name))
  const marker = await readMarker(folder)
  if (marker === undefined && entries.length > 0) {
    const reason = `${folder} has files that are not the demo's; name an empty folder with --dir`
    return { outcome: 'refused', reason }
  }
  const owner = await lock(folder)
  if (owner !== undefined) {
    const reason = `another demo runs in ${folder} (process ${owner.pid}); stop it, or name another folder with --dir`
    return { outcome: 'refused', reason }
  }
  try {
    const id = workloadId(folder, workload)
    const isSame = marker?.version === VERSION && marker.workload === id
    if (isSame && !marker.isFinished && (await workload.place.isThere())) return { outcome: 'unfinished' }
    await workload.place.clear()
    await clean(folder)
    await writeMarker(folder, { version: VERSION, workload: id, isFinished: false })
    return { outcome: 'new' }
  } catch (error) {
    await closeFolder(folder)
    throw error
  }
}

/** Notes that all jobs of the run have ended: the next one begins anew. */
export async function markFinished(folder: string, workload: Workload): Promise<void> {
  await writeMarker(folder, { version: VERSION, workload: workloadId(folder, workload), isFinished: true })
}

/** Lets the next run in. */
export async function closeFolder(folder: string): Promise<void> {
  await rm(join(folder, LOCK_FILE), { force: true })
}

function workloadId(folder: string, { files, place }: Workload): string {
  return stableId('workload', folder, place.id, ...files.map(({ file }) => file))
}

async function readMarker(folder: string): Promise<Marker | undefined> {
  const path = join(folder, MARKER_FILE)
  // Only writeMarker writes it, and as a whole.
  return existsSync(path) ? (JSON.parse(await readFile(path, 'utf8')) as Marker) : undefined
}

async function writeMarker(folder: string, marker: Marker): Promise<void> {
  await writeAtomically(join(folder, MARKER_FILE), `${JSON.stringify(marker)}\n`, { sync: true })
}

/** Removes what a run left, and nothing that somebody else put there. */
async function clean(folder: string): Promise<void> {
  const unfinished = (await readdir(folder)).filter((name) => UNFINISHED_FILE.test(name))
  for (const name of [...OWN_ENTRIES, ...unfinished, MARKER_FILE]) {
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

/** Two demos in one folder would clean away each other's work. Answers the process that has the folder, if it is alive. */
async function lock(folder: string): Promise<ProcessMark | undefined> {
  const path = join(folder, LOCK_FILE)
  const text = await readFile(path, 'utf8').catch(() => '')
  const owner = /^(?<pid>\d+) (?<startedAt>\d*)\n$/.exec(text)?.groups
  const mark = { pid: Number(owner?.['pid']), startedAt: owner?.['startedAt'] ?? '' }
  if (owner !== undefined && (await isOtherAlive(mark))) return mark
  const own = await ownMark()
  await writeFile(path, `${own.pid} ${own.startedAt}\n`)
  return undefined
}
