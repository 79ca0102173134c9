import { describe, expect, it } from 'vitest'

import { RunnerError } from '../host/errors.ts'
import {
  ConfigurationError,
  JOB_ERRORS,
  JobCancelledError,
  JobFailedError,
  JobNotFoundError,
  ResultNotKeptError,
  ResultTimeoutError,
} from './errors.ts'
import { notAvailableError } from './not-available.ts'

describe('the errors of jobs', () => {
  it('are RunnerErrors with a name and a code of the table', () => {
    const errors = [
      new ConfigurationError(['a']),
      new JobFailedError('id', { name: 'X', message: 'm' }),
      new JobCancelledError('id', 'why'),
      new ResultTimeoutError('id', 5),
      new JobNotFoundError('id'),
      new ResultNotKeptError('id', 'why'),
      notAvailableError('option "unique"'),
    ]
    for (const error of errors) {
      expect(error).toBeInstanceOf(RunnerError)
      expect(Object.keys(JOB_ERRORS)).toContain(error.code)
      expect(error.name).toBe(error.constructor.name)
    }
  })

  it('JobFailedError speaks with the words of the error of the job', () => {
    const error = new JobFailedError('id', { name: 'SmtpError', message: 'mailbox full', code: '552' })
    expect(error.message).toBe('mailbox full')
    expect(error.jobError.name).toBe('SmtpError')
    expect(error.cause).toMatchObject({ name: 'SmtpError', message: 'mailbox full', code: '552' })
  })

  it('ConfigurationError lists every problem', () => {
    const error = new ConfigurationError(['first', 'second'], { of: 'createRunner' })
    expect(error.problems).toEqual(['first', 'second'])
    expect(error.message).toBe('createRunner has 2 problems:\n  - first\n  - second')
    expect(new ConfigurationError(['only']).message).toBe('the configuration has a problem: only')
  })

  it('says what is not available yet', () => {
    expect(notAvailableError('option "unique" of enqueue')).toMatchObject({
      code: 'ERR_NOT_AVAILABLE',
      message: 'option "unique" of enqueue is not available yet',
    })
  })
})
