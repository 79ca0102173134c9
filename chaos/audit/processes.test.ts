import { describe, expect, it } from 'vitest'

import type { Exit } from '../fleet.ts'
import type { JournalLine } from '../journal.ts'
import { checkProcesses } from './processes.ts'

const PID = 7

function judged(exit: Pick<Exit, 'cause' | 'code' | 'signal'>, ...kinds: readonly JournalLine['kind'][]): string[] {
  const lines = kinds.map((kind) => ({ kind, pid: PID, at: 0 }) as JournalLine)
  const exits = [{ slot: 'victim-1', pid: PID, at: 0, sentAt: null, ...exit }]
  const violations = checkProcesses({ exits, sleeps: [], lines, stuck: [] }, { nodes: new Map() })
  return violations.map(({ message }) => message)
}

describe('the end of a process', () => {
  it('is not held against the runner when the harness, or a job that is meant to, ended it', () => {
    expect(judged({ cause: 'kill', code: null, signal: 'SIGKILL' })).toEqual([])
    expect(judged({ cause: 'crash', code: null, signal: 'SIGKILL' }, 'crash')).toEqual([])
    expect(judged({ cause: 'none', code: null, signal: 'SIGABRT' }, 'abort')).toEqual([])
    expect(judged({ cause: 'close', code: 0, signal: null })).toEqual([])
  })

  it('may be that at a crash point on the way to a stop', () => {
    expect(judged({ cause: 'term', code: 0, signal: null })).toEqual([])
    expect(judged({ cause: 'term', code: null, signal: 'SIGKILL' }, 'crash')).toEqual([])
  })

  it('is found when nobody asked for it', () => {
    expect(judged({ cause: 'none', code: 0, signal: null })).toEqual(['process 7 ended by itself (0): it said nothing'])
    expect(judged({ cause: 'crash', code: 70, signal: null })).toEqual([
      'process 7 ended by itself (70): it said nothing',
    ])
  })

  it('is found when it is not that of a stop in order', () => {
    expect(judged({ cause: 'term', code: 71, signal: null })).toEqual(['process 7 was told to stop and ended with 71'])
    expect(judged({ cause: 'close', code: null, signal: 'SIGKILL' })).toEqual([
      'process 7 was told to stop and ended with SIGKILL',
    ])
  })
})
