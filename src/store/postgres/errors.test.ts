import { describe, expect, it } from 'vitest'

import { storeError } from '../errors.ts'
import {
  isConnectionSound,
  isRolledBack,
  isServerDoubtful,
  sqlStateOf,
  translateConnectError,
  translateError,
  translateStatementError,
  UnansweredError,
} from './errors.ts'

/** What the driver throws for an answer of the server. */
function aServerError(state: string, severity = 'ERROR'): Error {
  return Object.assign(new Error('the reason'), { code: state, severity })
}

const RESET = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' })

describe('errors of PostgreSQL', () => {
  it.each([
    ['08006', 'ERR_STORE_UNAVAILABLE'],
    ['25006', 'ERR_STORE_UNAVAILABLE'],
    ['25P03', 'ERR_STORE_UNAVAILABLE'],
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
    ['25P03', false],
    ['26000', false],
    ['08003', false],
  ])('with SQLSTATE %s leave a connection that may be used again: %s', (state, isSound) => {
    expect(isConnectionSound(aServerError(state))).toBe(isSound)
    expect(sqlStateOf(aServerError(state))).toBe(state)
  })

  it('of the network leave no connection', () => {
    expect(isConnectionSound(RESET)).toBe(false)
    expect(sqlStateOf(RESET)).toBeNull()
  })

  it.each([
    ['a reset connection', RESET, true],
    ['a time limit', new Error('Query read timeout'), true],
    ['the end of the session', aServerError('57P01', 'FATAL'), true],
    ['the same in another language', aServerError('57P01', 'SCHWERWIEGEND'), true],
    ['a transaction that was silent for too long', aServerError('25P03', 'FATAL'), true],
    ['a disk that is full while the log is written', aServerError('53100', 'PANIC'), true],
    ['a deadlock', aServerError('40P01'), false],
    ['the same in another language', aServerError('40P01', 'FEHLER'), false],
    ['a server that takes no writes', aServerError('25006'), false],
    ['a statement that took too long', aServerError('57014'), false],
    ['a full disk', aServerError('53100'), false],
  ])('of a statement leave its outcome unknown or not: %s', (_, cause, isUnknown) => {
    expect(translateStatementError(cause, 'db') instanceof UnansweredError).toBe(isUnknown)
    if (isUnknown) expect(isConnectionSound(cause)).toBe(false)
  })

  it('of connecting say that nothing was sent', () => {
    expect(translateConnectError(RESET, 'db')).not.toBeInstanceOf(UnansweredError)
  })

  it.each([
    ['a reset connection', RESET, true],
    ['a demotion', aServerError('25006'), true],
    ['a crash', aServerError('57P02', 'FATAL'), true],
    ['the end of one session', aServerError('57P01', 'FATAL'), false],
    ['a prepared statement that is gone', aServerError('26000'), false],
    ['a deadlock', aServerError('40P01'), false],
  ])('make all connections doubtful or not: %s', (_, error, isDoubtful) => {
    expect(isServerDoubtful(error)).toBe(isDoubtful)
  })

  it.each([
    ['40P01', true],
    ['40001', true],
    ['55P03', false],
    ['57P01', false],
  ])('with SQLSTATE %s are worth the same work at once: %s', (state, isAgain) => {
    expect(isRolledBack(translateError(aServerError(state), 'db'))).toBe(isAgain)
  })
})
