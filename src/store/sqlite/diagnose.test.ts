import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import type { Finding } from '../store.ts'
import { diagnoseDatabase, diskTypeOf, type DiagnosedDatabase } from './diagnose.ts'
import { checkEngine } from './engine.ts'
import { loadEngine } from './load-engine.ts'
import { peek } from './peek.ts'
import { MIGRATIONS } from './migrations/embedded.ts'
import { SCHEMA_VERSION } from './schema.ts'

const NOW = 1_700_000_000_000

let folder: string
let path: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-diagnose-'))
  path = join(folder, 'jobs.db')
})

afterEach(() => rmSync(folder, { recursive: true, force: true }))

function diagnose(rest: Partial<DiagnosedDatabase> = {}): readonly Finding[] {
  return diagnoseDatabase({ path, isThorough: false, now: NOW, loadEngine, diskTypeOf, ...rest })
}

/** Makes the database. */
function make(sql = ''): void {
  const database = loadEngine().open(path, { isReadOnly: false })
  for (const migration of MIGRATIONS) database.exec(migration.sql)
  database.exec(`update millrace_schema set version = ${SCHEMA_VERSION}; ${sql}`)
  database.close()
}

const levels = (findings: readonly Finding[]): string[] => findings.map(({ check, level }) => `${check} ${level}`)

describe('diagnoseDatabase', () => {
  it('finds nothing wrong with a new database', () => {
    make()
    expect(levels(diagnose({ isThorough: true }))).toEqual([
      'engine ok',
      'file ok',
      ...(process.platform === 'linux' ? ['disk ok'] : []),
      'schema ok',
      'clock ok',
      'integrity ok',
    ])
  })

  it('finds an old engine, and does not open the file with it', () => {
    make()
    const findings = diagnose({
      loadEngine: () => {
        checkEngine('node:sqlite', '3.45.1')
        throw new Error('it was accepted')
      },
      diskTypeOf: () => null,
    })
    expect(findings).toEqual([
      {
        check: 'engine',
        level: 'problem',
        found: 'node:sqlite has SQLite 3.45.1, which can lose committed writes',
        advice: 'use one with SQLite 3.51.3 or later',
      },
      { check: 'file', level: 'ok', found: expect.any(String), advice: null },
    ])
  })

  it.each([
    ['NFS', 0x6969],
    ['SMB', 0xfe534d42],
    ['CIFS', 0xff534d42],
    ['CIFS', 0xff534d42 | 0],
    ['9P', 0x01021997],
    ['FUSE', 0x65735546],
  ])('finds a file on %s', (name, type) => {
    make()
    expect(diagnose({ diskTypeOf: (where) => (where === folder ? type : null) })).toContainEqual({
      check: 'disk',
      level: 'problem',
      found: expect.stringContaining(`${folder} is on ${name}, `),
      advice: expect.stringContaining('PostgreSQL'),
    })
  })

  it.each([
    ['tmpfs', 0x01021994],
    ['ext4', 0xef53],
    ['overlay', 0x794c7630],
    ['xfs', 0x58465342],
  ])('is content with %s', (_, type) => {
    make()
    expect(levels(diagnose({ diskTypeOf: () => type }))).toContain('disk ok')
  })

  it.runIf(process.platform === 'linux')('knows the disks of this machine by the operating system', () => {
    expect(diskTypeOf('/proc')).toBe(0x9fa0)
    expect(diskTypeOf('/dev/shm')).toBe(0x01021994)
    expect(diskTypeOf(join(folder, 'absent'))).toBe(null)
  })

  it('finds a folder that is not there', () => {
    const findings = diagnose({ path: join(folder, 'absent', 'jobs.db'), diskTypeOf: () => null })
    expect(findings[1]).toMatchObject({ check: 'file', level: 'problem', advice: 'make it first' })
  })

  it('finds a file that is no database', () => {
    writeFileSync(path, 'this is not a database, only text that is long enough '.repeat(50))
    expect(diagnose().at(-1)).toMatchObject({ check: 'file', level: 'problem', advice: 'name another file' })
    rmSync(path)
    mkdirSync(path)
    expect(diagnose()[1]).toMatchObject({ check: 'file', level: 'problem', advice: 'name a file in it' })
  })

  it('throws when there is no file and nothing is in its way', () => {
    expect(() => diagnose()).toThrow(expect.objectContaining({ code: 'ERR_STORE_OPEN' }))
  })

  it('finds a file without a schema, and leaves it as it is', () => {
    writeFileSync(path, '')
    expect(diagnose().at(-1)).toMatchObject({
      check: 'schema',
      level: 'problem',
      found: `there is no schema yet; version ${SCHEMA_VERSION} is needed`,
      advice: expect.stringContaining('millrace migrate'),
    })
    expect(readFileSync(path)).toHaveLength(0)
  })

  it('finds a newer schema and one whose version was lost', () => {
    make('update millrace_schema set version = version + 1')
    expect(diagnose().at(-1)).toMatchObject({ check: 'schema', level: 'problem' })
    peek(path, (database) => database.prepare('delete from millrace_schema').run())
    expect(diagnose().at(-1)).toMatchObject({ check: 'file', level: 'problem', advice: 'restore it from a backup' })
  })

  it('finds a beat from the future', () => {
    const beat = (at: number): void => {
      peek(path, (database) =>
        database
          .prepare(
            `insert or replace into millrace_node (id, host, pid, version, beat_ms, started_at, beat_at, beat_seq, queues, jobs)
             values ('n', 'h', 1, '0', 1000, 0, ?, 1, '[]', '[]')`,
          )
          .run(at),
      )
    }
    make()
    beat(NOW + 900)
    expect(levels(diagnose())).toContain('clock ok')
    beat(NOW + 3_600_000)
    expect(diagnose()).toContainEqual(
      expect.objectContaining({ check: 'clock', level: 'problem', found: expect.stringContaining('3600 s later') }),
    )
  })

  it('finds a damaged page, but only when it is asked to be thorough', () => {
    make(`
      with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000)
      insert into millrace_queue (name) select 'q' || i from n`)
    const file = openSync(path, 'r+')
    const size = readFileSync(path).length
    writeSync(file, Buffer.alloc(4096, 7), 0, 4096, Math.floor(size / 8192) * 4096)
    closeSync(file)
    expect(levels(diagnose())).not.toContain('integrity problem')
    expect(levels(diagnose({ isThorough: true }))).toContain('integrity problem')
  })
})
