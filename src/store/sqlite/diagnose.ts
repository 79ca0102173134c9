/**
 * What may be wrong around an embedded database, found without changing it. Each check is one function that answers its
 * findings; a later check is left out where an earlier one has found why it cannot be made.
 *
 *     engine ─┐
 *     file   ─┴─ both fine ──▶ schema, clock, integrity
 *     disk
 */

import { judgeVersion, ok } from '../findings.ts'
import { existsSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'

import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'
import type { Finding } from '../store.ts'
import { checkPath, type Db } from './connection.ts'
import type { SqliteEngine } from './engine.ts'
import { translateError } from './errors.ts'
import { peek } from './peek.ts'
import { readVersion, SCHEMA_VERSION } from './schema.ts'

/** What the checks look at. */
export interface DiagnosedDatabase {
  /** An absolute path, or null for a database in memory. */
  readonly path: string | null
  /** Whether to read the whole file. */
  readonly isThorough: boolean
  /** Milliseconds since 1970 by this process's clock. */
  readonly now: number
  loadEngine(): Pick<SqliteEngine, 'name' | 'version'>
  /** The magic number of the file system that holds a folder; null where there is no such number. */
  diskTypeOf(folder: string): number | null
}

/** How far a beat may lie ahead of this process's clock. */
const CLOCK_TOLERANCE_MS = 1_000

/** File systems over a network or between machines, by their magic number; see statfs(2). */
const REMOTE_DISKS: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xfe534d42, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0x01021997, '9P'],
  [0x65735546, 'FUSE'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x00c36400, 'CephFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x47504653, 'GPFS'],
  [0x0bd00bd0, 'Lustre'],
  [0x19830326, 'BeeGFS'],
  [0x786f4256, 'a VirtualBox shared folder'],
])

/** Makes every check. Throws `ERR_STORE_OPEN` when there is no database, and nothing that would keep one from being made. */
export function diagnoseDatabase(look: DiagnosedDatabase): readonly Finding[] {
  const { path, isThorough, now } = look
  const engine = checkEngineOf(look)
  if (path === null) return [engine, ok('file', 'the database is in the memory of one process and ends with it')]
  const findings = [engine, checkFile(path), ...checkDisk(path, look)]
  if (engine.level === 'problem' || findings.some(({ check, level }) => check === 'file' && level === 'problem')) {
    return findings
  }
  if (!existsSync(path)) {
    throw storeError(
      'ERR_STORE_OPEN',
      `database ${path} does not exist; it is made by the first \`millrace start\`, \`millrace enqueue\` or \`millrace migrate\``,
    )
  }
  return [...findings, ...lookInside(path, { isThorough, now })]
}

/** The real look-up of {@link DiagnosedDatabase.diskTypeOf}. */
export function diskTypeOf(folder: string): number | null {
  // Elsewhere the numbers mean something else.
  if (process.platform !== 'linux') return null
  try {
    return statfsSync(folder).type
  } catch {
    // That the folder cannot be looked at is told by the check of the file.
    return null
  }
}

function checkEngineOf({ loadEngine }: DiagnosedDatabase): Finding {
  try {
    const { name, version } = loadEngine()
    return ok('engine', `SQLite ${version} of ${name}`)
  } catch (error) {
    return problemOf('engine', error)
  }
}

function checkFile(path: string): Finding {
  try {
    checkPath(path)
    return ok('file', `${path} and its folder can be written`)
  } catch (error) {
    return problemOf('file', error)
  }
}

function checkDisk(path: string, { diskTypeOf: typeOf }: DiagnosedDatabase): Finding[] {
  const folder = dirname(path)
  const type = typeOf(folder)
  if (type === null) return []
  // On some machines the number is signed.
  const remote = REMOTE_DISKS.get(type >>> 0)
  if (remote === undefined) return [ok('disk', `${folder} is on a disk of this machine`)]
  return [
    {
      check: 'disk',
      level: 'problem',
      found: `${folder} is on ${remote}, where locks and shared memory do not hold between machines: the file can be damaged`,
      advice: 'put the file on a disk of this machine, or use PostgreSQL',
    },
  ]
}

function lookInside(path: string, { isThorough, now }: Pick<DiagnosedDatabase, 'isThorough' | 'now'>): Finding[] {
  try {
    return peek(path, (database) => {
      const version = readVersion(database, path)
      const integrity = isThorough ? checkIntegrity(database, path) : []
      const schema = judgeVersion(version, SCHEMA_VERSION)
      return schema.level === 'ok' ? [schema, clockFinding(database, now), ...integrity] : [schema, ...integrity]
    })
  } catch (error) {
    if (error instanceof RunnerError && error.code === 'ERR_STORE_UNAVAILABLE') throw error
    return [problemOf('file', error)]
  }
}

function clockFinding(database: Pick<Db, 'prepare'>, now: number): Finding {
  // The one column of the statement; an aggregate answers one row.
  const { latest } = database.prepare('select max(beat_at) as latest from millrace_node').get() as {
    readonly latest: number | null
  }
  const aheadMs = (latest ?? now) - now
  if (aheadMs <= CLOCK_TOLERANCE_MS) return ok('clock', 'no worker has beaten later than now')
  return {
    check: 'clock',
    level: 'problem',
    found: `a worker has beaten ${Math.round(aheadMs / 1000)} s later than now: the clock of this machine was set back, or that worker has another one`,
    advice: 'keep the clock by NTP; what is due and who is dead is judged by it',
  }
}

function checkIntegrity(database: Pick<Db, 'prepare'>, path: string): Finding[] {
  let rows: readonly { readonly quick_check: string }[]
  try {
    // The one column of this pragma; a sound file answers one row that says ok.
    rows = database.prepare('pragma quick_check(10)').all() as { readonly quick_check: string }[]
  } catch (error) {
    // Some damage ends the check itself.
    return [problemOf('integrity', translateError(error, path))]
  }
  const complaints = rows.map(({ quick_check: text }) => text).filter((text) => text !== 'ok')
  if (complaints.length === 0) return [ok('integrity', 'every page of the file is sound')]
  return complaints.map((complaint) => ({
    check: 'integrity',
    level: 'problem',
    found: `${path} is damaged: ${complaint}`,
    advice: 'stop what uses it and restore it from a backup',
  }))
}

/** The messages of this package end with what to do, after the last semicolon. */
function problemOf(check: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error)
  const [, found = message, advice = null] = /^(.*); (.*)$/s.exec(message) ?? []
  return { check, level: 'problem', found, advice }
}
