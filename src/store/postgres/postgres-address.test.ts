import pg from 'pg'
import { describe, expect, it } from 'vitest'

import { isPool, isPostgresUrl, schemaProblem } from './given-database.ts'
import { addressOf } from './postgres-address.ts'

describe('the address of a database', () => {
  it('is a URL, whose password is in no message', () => {
    const url = 'postgres://ann:secret@db.example/jobs'
    const { name, config, schema } = addressOf(url, 'millrace')
    expect({ config, schema }).toEqual({ config: { connectionString: url }, schema: 'millrace' })
    expect(name).toContain('db.example/jobs')
    expect(name).not.toContain('secret')
  })

  it.each(['mysql://ann:secret@db/jobs', 'jobs.db', ''])('refuses %j, and shows no password', (url) => {
    expect(() => addressOf(url, 'millrace')).toThrowError(
      expect.objectContaining({ code: 'ERR_STORE_OPEN', message: expect.not.stringContaining('secret') }),
    )
  })

  it('takes from a pool how to connect, its password too, and nothing about the pool', () => {
    const ssl = { rejectUnauthorized: false }
    const pool = new pg.Pool({
      host: 'db',
      port: 6543,
      user: 'ann',
      password: 'secret',
      database: 'jobs',
      ssl,
      max: 77,
    })
    const { name, config } = addressOf(pool, 'millrace')
    expect(config).toEqual({ host: 'db', port: 6543, user: 'ann', password: 'secret', database: 'jobs', ssl })
    expect(name).toBe('postgres://db:6543/jobs')
  })

  it('takes the URL of a pool', () => {
    const connectionString = 'postgres://ann:secret@db/jobs'
    const { name, config } = addressOf(new pg.Pool({ connectionString }), 'millrace')
    expect(config.connectionString).toBe(connectionString)
    expect(name).not.toContain('secret')
  })

  it('keeps a password that is fetched', () => {
    const password = () => 'secret'
    expect(addressOf(new pg.Pool({ host: 'db', password }), 'millrace').config.password).toBe(password)
  })

  it('tells pools and URLs from other things', () => {
    expect(isPool(new pg.Pool())).toBe(true)
    expect([null, 'x', {}, { options: {} }, { options: null, connect() {} }].map((value) => isPool(value))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ])
    expect(['postgres://x', 'postgresql://x', 'POSTGRES://x', 'sqlite:x', 'xpostgres://'].map(isPostgresUrl)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })

  it.each(['millrace', '_jobs2', 'A', 'a'.repeat(48)])('takes %s for the name of a schema', (schema) => {
    expect(schemaProblem(schema)).toBeUndefined()
  })

  it.each(['', '2jobs', 'a b', 'a"b', 'ä', 'a'.repeat(49), 7])('refuses %j as the name of a schema', (schema) => {
    expect(schemaProblem(schema)).toContain('must be a name')
  })
})
