import { describe, expect, it } from 'vitest'

import { judgeVersion } from '../findings.ts'
import { judgeBeat, judgeClock, judgeDeadRows, judgeRights, judgeServer, judgeSessions, judgeWire } from './diagnose.ts'
import { SCHEMA_VERSION } from './schema.ts'

const problem = (found: string) => ({
  level: 'problem',
  found: expect.stringContaining(found),
  advice: expect.any(String),
})
const warning = (found: string) => ({
  level: 'warning',
  found: expect.stringContaining(found),
  advice: expect.any(String),
})
const ok = { level: 'ok', advice: null }

describe('the judgement of a PostgreSQL database', () => {
  it('refuses servers that are too old', () => {
    expect(judgeServer({ version: 120_017, role: 'w', isSuperuser: false })).toMatchObject([
      problem('PostgreSQL 12'),
      ok,
    ])
    expect(judgeServer({ version: 180_001, role: 'w', isSuperuser: false })[0]).toMatchObject({
      ...ok,
      found: 'PostgreSQL 18.1',
    })
  })

  it('warns of a superuser', () => {
    expect(judgeServer({ version: 150_000, role: 'root', isSuperuser: true })[1]).toMatchObject(
      warning('"root" is a superuser'),
    )
  })

  it('warns of a beat that a handler can block', () => {
    expect(judgeBeat(true)).toMatchObject(warning('event loop'))
    expect(judgeBeat(false)).toMatchObject(ok)
  })

  it.each([
    [0, 0, ok],
    [1_000, 0, ok],
    [-1_000, 0, ok],
    [1_500, 600, ok],
    [1_500, 400, problem('1.5 s ahead of')],
    [-90_000, 1, problem('90 s behind')],
  ])('compares clocks: %d ms ahead, uncertain by %d ms', (aheadMs, errorMs, finding) => {
    expect(judgeClock({ aheadMs, errorMs })).toMatchObject(finding)
  })

  it('takes a pooler for a problem only where it loses notifications', () => {
    expect(judgeWire({ isPooled: true, isHeard: false })).toMatchObject([problem('a pooler'), problem('notifications')])
    expect(judgeWire({ isPooled: true, isHeard: true })).toMatchObject([warning('a pooler'), ok])
    expect(judgeWire({ isPooled: false, isHeard: false })).toMatchObject([ok, problem('notifications')])
    expect(judgeWire({ isPooled: false, isHeard: true })).toMatchObject([ok, ok])
  })

  it('finds a transaction that is open for longer than five minutes', () => {
    const oldest = { name: 'pid 7 (ann, psql)', state: 'idle in transaction', ageMs: 300_001 }
    const found = 'pid 7 (ann, psql) has held a transaction open for 5 minutes (idle in transaction)'
    expect(judgeSessions({ seesAll: true, oldest })).toMatchObject(problem(found))
    expect(judgeSessions({ seesAll: true, oldest: { ...oldest, ageMs: 300_000 } })).toMatchObject(ok)
    expect(judgeSessions({ seesAll: false, oldest: null })).toMatchObject({
      ...ok,
      found: expect.stringContaining('pg_read_all_stats'),
    })
  })

  it('finds rights that are missing, by table', () => {
    const missing = [['job', 'update, delete'] as const, ['lease', 'select'] as const]
    expect(judgeRights({ role: 'w', schema: 'millrace', missing })).toMatchObject(
      problem('job (update, delete), lease (select)'),
    )
    expect(judgeRights({ role: 'w', schema: 'millrace', missing: [] })).toMatchObject(ok)
  })

  it('finds a schema that is absent or newer', () => {
    expect(judgeVersion(0, SCHEMA_VERSION)).toMatchObject(problem('no schema'))
    expect(judgeVersion(SCHEMA_VERSION + 1, SCHEMA_VERSION)).toMatchObject(problem('newer millrace'))
    expect(judgeVersion(SCHEMA_VERSION, SCHEMA_VERSION)).toMatchObject(ok)
  })

  it('warns of dead rows that vacuum leaves', () => {
    const job = { table: 'job', live: 10_000, dead: 200_000 }
    expect(judgeDeadRows([job])).toMatchObject(warning('job (200000 dead, 10000 live)'))
    expect(
      judgeDeadRows([
        { ...job, live: 100_000 },
        { ...job, dead: 90_000 },
      ]),
    ).toMatchObject(ok)
  })
})
