import { describe, expect, it } from 'vitest'

import { statementsOf } from './statement-log.ts'

const line = (message: string, rest: object = {}) =>
  `${JSON.stringify({ dbname: 'run_1', pid: 7, application_name: '', message, ...rest })}\n`

describe('statementsOf', () => {
  it('adds up the phases of one statement and reads simple ones as they are', () => {
    const log = [
      line('duration: 0.250 ms  parse claim: select\n 1'),
      line('duration: 0.500 ms  bind claim: select\n 1'),
      line('duration: 9.000 ms  statement: begin', { pid: 8 }),
      line('duration: 1.000 ms  execute claim: select\n 1'),
      line('duration: 2.000 ms  execute claim: select\n 1'),
    ].join('')
    expect(statementsOf(log)).toEqual([
      { database: 'run_1', pid: 8, text: 'begin', ms: 9 },
      { database: 'run_1', pid: 7, text: 'select\n 1', ms: 1.75 },
      { database: 'run_1', pid: 7, text: 'select\n 1', ms: 2 },
    ])
  })

  it("leaves out the bench's own statements and all other lines", () => {
    const log =
      line('duration: 1.0 ms  statement: select 1', { application_name: 'bench' }) + line('checkpoint starting')
    expect(statementsOf(log)).toEqual([])
  })
})
