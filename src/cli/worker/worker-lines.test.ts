import pico from 'picocolors'
import { expect, it } from 'vitest'

import { jobLine } from './worker-lines.ts'

const plain = pico.createColors(false)
const event = { id: 'the-id', name: 'mailer.send', queue: 'email', attempt: 1, waitMs: 12, runMs: 3_400 }

it('tells a completed job with how long it ran and waited', () => {
  const line = jobLine({ ...event, outcome: 'completed' }, plain)
  expect(line).toBe('completed  mailer.send in email  ran 3.4 s, waited 12 ms  the-id')
})

it('says how to see why a job failed', () => {
  const error = { name: 'TypeError', message: 'no \u001b[31mhost\nat all' }
  const line = jobLine({ ...event, queue: 'default', outcome: 'failed', error }, plain)
  expect(line).toBe(
    'failed     mailer.send  ran 3.4 s, waited 12 ms  the-id  TypeError: no host at all  why: millrace show the-id',
  )
})

it('says that a job is tried again', () => {
  const error = { name: 'Error', message: 'away' }
  expect(jobLine({ ...event, outcome: 'retry', error }, plain)).toContain('away (attempt 1, it is tried again)')
})
