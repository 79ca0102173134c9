import { describe, expect, it } from 'vitest'

import type { Transition } from '../places/place.ts'
import { followTransitions } from './job-history.ts'

const NOTHING: Omit<Transition, 'seq' | 'at' | 'kind' | 'subject'> = {
  oldLease: null,
  newLease: null,
  oldAttempt: null,
  newAttempt: null,
  oldCrashes: 0,
  newCrashes: 0,
  maxAttempts: 3,
  name: null,
  args: null,
  state: null,
  result: null,
  node: null,
  pid: null,
  storedAt: null,
}

type Step = Partial<Transition> & Pick<Transition, 'kind'>

const node = (subject: string, pid: number): Step => ({ kind: 'node', subject, pid })
const insert: Step = { kind: 'insert', name: 'work.noop' }
const claim = (lease: string, by: string, attempt = 1): Step => ({
  kind: 'change',
  newLease: lease,
  oldAttempt: attempt - 1,
  newAttempt: attempt,
  node: by,
})
const letGo = (lease: string, step: Partial<Transition> = {}): Step => ({
  kind: 'change',
  oldLease: lease,
  oldAttempt: 1,
  newAttempt: 1,
  ...step,
})
const end = (lease: string, by: number): readonly Step[] => [
  { kind: 'end', newLease: lease, state: 'completed', result: `{"by":${by}}` },
  { kind: 'delete', oldLease: lease },
]

/** What is wrong with these transitions of one job. */
function wrongIn(...steps: readonly Step[]): readonly string[] {
  const transitions = steps.map((step, seq): Transition => ({ ...NOTHING, seq, at: seq, subject: 'job', ...step }))
  return followTransitions(transitions).violations.map(({ invariant }) => invariant)
}

const nodes = [node('a', 1), node('b', 2)]

describe('followTransitions', () => {
  it('finds nothing in the life of a job that is rescued and completed', () => {
    const rescue = letGo('one', { newCrashes: 1 })
    expect(
      wrongIn(
        ...nodes,
        insert,
        claim('one', 'a'),
        { kind: 'node-dead', subject: 'a' },
        rescue,
        claim('two', 'b', 2),
        ...end('two', 2),
      ),
    ).toEqual([])
  })

  it.each<[string, string, readonly Step[]]>([
    ['I7', 'a rescue from a living node', [claim('one', 'a'), letGo('one', { newCrashes: 1 })]],
    ['I5', 'a claim of what is held', [claim('one', 'a'), { ...claim('two', 'b'), oldLease: 'one' }]],
    ['I4', 'a lease that is used again', [claim('one', 'a'), letGo('one', { newAttempt: 0 }), claim('one', 'b')]],
    ['I3', 'an attempt too many', [claim('one', 'a', 4)]],
    ['I3', 'an attempt that no claim counted', [claim('one', 'a'), letGo('one', { newAttempt: 2 })]],
    ['I5', 'a result of another process than the holder', [claim('one', 'a'), ...end('one', 2)]],
    ['I5', 'an end under a lease that holds nothing', [claim('one', 'a'), letGo('one'), ...end('one', 1)]],
    ['I6', 'a second end', [claim('one', 'a'), ...end('one', 1), ...end('one', 1)]],
    ['T1', 'a time of another clock', [{ ...claim('one', 'a'), storedAt: 3_600_000 }]],
  ])('finds %s: %s', (invariant, _what, steps) => {
    expect(wrongIn(...nodes, insert, ...steps)).toContain(invariant)
  })
})
