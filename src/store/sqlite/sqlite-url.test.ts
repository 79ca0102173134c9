import { describe, expect, it } from 'vitest'
import { parseSqliteUrl } from './sqlite-url.ts'

describe('parseSqliteUrl', () => {
  it.each([
    ['sqlite::memory:', { type: 'memory' }],
    ['sqlite:./x.db', { type: 'file', path: './x.db' }],
    ['sqlite:x.db', { type: 'file', path: 'x.db' }],
    ['sqlite:../a b/x%20.db', { type: 'file', path: '../a b/x%20.db' }],
    ['sqlite:/var/x.db', { type: 'file', path: '/var/x.db' }],
    ['sqlite:///var/x.db', { type: 'file', path: '/var/x.db' }],
    ['sqlite://./x.db', { type: 'file', path: './x.db' }],
  ])('reads %s', (url, location) => {
    expect(parseSqliteUrl(url)).toEqual(location)
  })

  it.each([
    ['postgres://localhost/x', /is not a SQLite URL; write sqlite:/],
    ['./x.db', /is not a SQLite URL/],
    ['sqlite:', /names no file/],
    ['sqlite://', /names no file/],
    ['sqlite::memory', /the only special database is sqlite::memory:/],
    ['sqlite://x.db', /write sqlite:\.\/x\.db or sqlite:\/x\.db/],
    ['sqlite:x.db?mode=ro', /has options/],
    ['sqlite:./data/', /names a folder.*sqlite:\.\/data\/millrace\.db/],
  ])('refuses %s and says what to write', (url, message) => {
    expect(() => parseSqliteUrl(url)).toThrow(message)
    expect(() => parseSqliteUrl(url)).toThrow(expect.objectContaining({ code: 'ERR_STORE_OPEN' }))
  })
})
