import { CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'

import { RunnerError } from '../host/errors.ts'
import { JOB_ERRORS } from '../job/errors.ts'
import { STORE_ERRORS } from '../store/errors.ts'
import { CliError, tellError } from './cli-error.ts'
import { EXIT, exitCodeOf } from './exit-codes.ts'

describe('exitCodeOf', () => {
  it.each(Object.keys(STORE_ERRORS))('is 3 for %s', (code) => {
    expect(exitCodeOf(code)).toBe(EXIT.store)
  })

  it.each([
    ['ERR_CONFIGURATION', EXIT.usage],
    ['ERR_BAD_OPTIONS', EXIT.usage],
    ['ERR_ARGS_INVALID', EXIT.usage],
    ['ERR_UNKNOWN_JOB', EXIT.notFound],
    ['ERR_JOB_NOT_FOUND', EXIT.notFound],
    ['ERR_NOT_AVAILABLE', EXIT.refused],
    ['ERR_JOB_FAILED', undefined],
  ])('of %s is %s', (code, exitCode) => {
    expect(Object.keys(JOB_ERRORS)).toContain(code)
    expect(exitCodeOf(code)).toBe(exitCode)
  })
})

describe('tellError', () => {
  it('knows an error of another copy of the package by its code', () => {
    const foreign = Object.assign(new Error('the file is away'), { code: 'ERR_STORE_OPEN' })
    expect(tellError(foreign)).toMatchObject({ code: 'ERR_STORE_OPEN', exitCode: EXIT.store })
  })

  it('names the meaning where there is no code', () => {
    const error = new CliError('no such thing', { exitCode: EXIT.notFound, hint: 'look elsewhere' })
    expect(tellError(error)).toMatchObject({ code: 'not-found', exitCode: 4, hint: 'look elsewhere' })
  })

  it('puts the words of the parser into the form of all others', () => {
    const error = new CommanderError(1, 'commander.unknownCommand', "error: unknown command 'lss'\n(Did you mean ls?)")
    expect(tellError(error)).toMatchObject({
      code: 'usage',
      message: "unknown command 'lss'; did you mean ls?",
      exitCode: 2,
    })
  })

  it('shows neither passwords nor what steers a terminal', () => {
    const error = new RunnerError('ERR_STORE_OPEN', 'postgres://u:secret@h \u001b[2Jgone', {
      cause: new Error('at postgres://u:secret@h'),
    })
    const { message, stack } = tellError(error)
    expect(message).toBe('postgres://u:***@h gone')
    expect(stack).toContain('caused by: Error: at postgres://u:***@h')
    expect(stack).not.toContain('secret')
  })

  it('takes whatever was thrown', () => {
    expect(tellError('just text')).toMatchObject({ message: 'just text', exitCode: EXIT.failed })
    expect(tellError(undefined).exitCode).toBe(EXIT.failed)
    expect(tellError(new Error('')).message).toBe('an error without a message')
  })
})
