import { describe, expect, it } from 'vitest'
import { storeError } from '../errors.ts'
import { translateError } from './errors.ts'

const sqlite = (errcode: number): Error => Object.assign(new Error('as SQLite says'), { errcode })

describe('translateError', () => {
  it.each([
    [5, 'ERR_STORE_UNAVAILABLE'],
    [517, 'ERR_STORE_UNAVAILABLE'],
    [6, 'ERR_STORE_UNAVAILABLE'],
    [10, 'ERR_STORE_UNAVAILABLE'],
    [13, 'ERR_STORE_FULL'],
    [4874, 'ERR_STORE_FULL'],
    [11, 'ERR_STORE_CORRUPT'],
    [26, 'ERR_STORE_OPEN'],
    [14, 'ERR_STORE_OPEN'],
    [8, 'ERR_STORE_OPEN'],
    [19, 'ERR_ASSERTION'],
  ])('turns SQLite code %i into %s, naming the database', (errcode, code) => {
    const error = translateError(sqlite(errcode), '/data/x.db')
    expect(error).toMatchObject({ code })
    expect(error.message).toContain('/data/x.db')
  })

  it('lets our own errors pass', () => {
    const error = storeError('ERR_STORE_CLOSED', 'closed')
    expect(translateError(error, 'x')).toBe(error)
  })

  it('takes what is no error of SQLite for a bug', () => {
    expect(translateError(new TypeError('x'), 'y')).toMatchObject({ code: 'ERR_ASSERTION' })
  })
})
