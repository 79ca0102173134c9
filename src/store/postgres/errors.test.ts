import { describe, expect, it } from 'vitest'

import { storeError } from '../errors.ts'
import { isConnectionSound, sqlStateOf, translateError } from './errors.ts'

/** What the driver throws for an answer of the server. */
function aServerError(state: string): Error {
  return Object.assign(new Error('the reason'), { code: state, severity: 'ERROR' })
}

describe('errors of PostgreSQL', () => {
  it.each([
    ['08006', 'ERR_STORE_UNAVAILABLE'],
    ['25006', 'ERR_STORE_UNAVAILABLE'],
    ['40001', 'ERR_STORE_UNAVAILABLE'],
    ['40P01', 'ERR_STORE_UNAVAILABLE'],
    ['53300', 'ERR_STORE_UNAVAILABLE'],
    ['55P03', 'ERR_STORE_UNAVAILABLE'],
    ['57014', 'ERR_STORE_UNAVAILABLE'],
    ['57P01', 'ERR_STORE_UNAVAILABLE'],
    ['57P03', 'ERR_STORE_UNAVAILABLE'],
    ['53100', 'ERR_STORE_FULL'],
    ['3F000', 'ERR_SCHEMA_OLDER'],
    ['42P01', 'ERR_SCHEMA_OLDER'],
    ['42501', 'ERR_STORE_OPEN'],
    ['28P01', 'ERR_STORE_OPEN'],
    ['3D000', 'ERR_STORE_OPEN'],
    ['XX001', 'ERR_STORE_CORRUPT'],
    ['23514', 'ERR_STORE_REFUSED'],
  ])('with SQLSTATE %s are %s, and name the database and the reason', (state, code) => {
    const cause = aServerError(state)
    const error = translateError(cause, 'postgres://db')
    expect(error).toMatchObject({ code, cause })
    expect(error.message).toContain('postgres://db')
    expect(error.message).toContain('the reason')
  })

  it('say of a lock that another session holds it', () => {
    expect(translateError(aServerError('55P03'), 'db').message).toContain('another session holds a lock')
  })

  it('of the network are ERR_STORE_UNAVAILABLE, with their code where there is no message', () => {
    const refused = Object.assign(new Error(''), { code: 'ECONNREFUSED' })
    expect(translateError(refused, 'db')).toMatchObject({ code: 'ERR_STORE_UNAVAILABLE', cause: refused })
    expect(translateError(refused, 'db').message).toContain('ECONNREFUSED')
    expect(translateError('odd', 'db').code).toBe('ERR_STORE_UNAVAILABLE')
  })

  it('of ours pass unchanged', () => {
    const own = storeError('ERR_STORE_CLOSED', 'closed')
    expect(translateError(own, 'db')).toBe(own)
  })

  it.each([
    ['23505', true],
    ['40001', true],
    ['57014', true],
    ['57P01', false],
    ['25006', false],
    ['26000', false],
    ['08003', false],
  ])('with SQLSTATE %s leave a connection that may be used again: %s', (state, isSound) => {
    expect(isConnectionSound(aServerError(state))).toBe(isSound)
    expect(sqlStateOf(aServerError(state))).toBe(state)
  })

  it('of the network leave no connection', () => {
    const reset = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })
    expect(isConnectionSound(reset)).toBe(false)
    expect(sqlStateOf(reset)).toBeNull()
  })
})
