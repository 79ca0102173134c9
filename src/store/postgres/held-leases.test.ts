import { describe, expect, it } from 'vitest'

import { aClaimedJob } from '../../../test/support/factories.ts'
import { HeldLeases } from './held-leases.ts'

const hold = (id: string, lease: string) => ({ job: aClaimedJob({ id, lease }), place: `(0,${id})`, seq: 1 })
const held = (id: string, lease: string) => ({ id, lease })

function leases(): HeldLeases {
  const made = new HeldLeases()
  made.add('node-1', [hold('a', 'one'), hold('b', 'one'), hold('c', 'two')])
  made.add('node-2', [hold('d', 'three')])
  return made
}

describe('HeldLeases', () => {
  it('says that a lease ends with the last of its jobs', () => {
    const made = leases()
    expect(made.endedBy([held('a', 'one')])).toEqual([])
    expect(made.endedBy([held('a', 'one'), held('b', 'one'), held('c', 'two')])).toEqual(['one', 'two'])
    made.remove([held('a', 'one')])
    expect(made.endedBy([held('b', 'one')])).toEqual(['one'])
  })

  it('counts a job once that is named twice', () => {
    expect(leases().endedBy([held('a', 'one'), held('a', 'one')])).toEqual([])
  })

  it('does not count jobs that it does not know under that lease', () => {
    const made = leases()
    expect(made.endedBy([held('a', 'one'), held('x', 'one'), held('c', 'one')])).toEqual([])
    made.remove([held('a', 'two'), held('x', 'nine')])
    expect(made.isHeld(held('a', 'one'))).toBe(true)
    expect(made.isHeld(held('a', 'two'))).toBe(false)
  })

  it('knows where the row of a job lies until somebody touches it', () => {
    const made = leases()
    expect(made.placeOf(held('a', 'one'))).toMatchObject({ place: '(0,a)', seq: 1 })
    expect(made.placeOf(held('a', 'two'))).toBeNull()
    made.touch([held('a', 'one'), held('x', 'one'), held('b', 'nine')])
    expect(made.placeOf(held('a', 'one'))).toBeNull()
    expect(made.placeOf(held('b', 'one'))).toMatchObject({ place: '(0,b)' })
    expect(made.isHeld(held('x', 'one'))).toBe(false)
  })

  it('knows whose the jobs are', () => {
    const made = leases()
    expect(made.nodeOf([held('x', 'nine'), held('d', 'three')])).toBe('node-2')
    expect(made.nodeOf([held('x', 'nine')])).toBeNull()
  })

  it('forgets a lease with its last job, and all that a node held', () => {
    const made = leases()
    made.remove([held('c', 'two')])
    expect([made.has('one'), made.has('two')]).toEqual([true, false])
    made.forget('node-1')
    expect([made.has('one'), made.has('three')]).toEqual([false, true])
  })
})
