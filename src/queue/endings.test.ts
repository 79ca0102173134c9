import { describe, expect, it } from 'vitest'

import { aStore } from '../../test/support/factories.ts'
import { settled, testHost } from '../../test/support/test-host.ts'
import { storeError } from '../store/errors.ts'
import type { Ending } from '../store/store.ts'
import { Endings, type KnownEnding } from './endings.ts'

function someEndings() {
  const host = testHost()
  const asked: (readonly string[])[] = []
  const errors: unknown[] = []
  const known = new Map<string, Ending>()
  const hints = new Set<() => void>()
  const state = { isDown: false, isRefused: false }
  const store = aStore({
    readEndings: async (ids) => {
      asked.push(ids)
      if (state.isRefused) throw storeError('ERR_STORE_OPEN', 'permission denied')
      if (state.isDown) throw storeError('ERR_STORE_UNAVAILABLE', 'busy')
      return ids.map((id) => known.get(id) ?? { id, state: 'live' })
    },
    onChange: (_about, listener) => {
      hints.add(listener)
      return () => hints.delete(listener)
    },
  })
  const endings = new Endings(host, { store, onError: (error) => errors.push(error) })
  const answers: (KnownEnding | 'closed' | 'failed')[] = []
  const wait = (id: string): (() => void) =>
    endings.wait(id, {
      onEnded: (ending) => answers.push(ending),
      onFailed: () => answers.push('failed'),
      onClosed: () => answers.push('closed'),
    })
  return { clock: host.clock, endings, asked, errors, known, hints, state, answers, wait }
}

function completed(id: string): Extract<KnownEnding, { state: 'completed' }> {
  return { id, state: 'completed', result: null, error: null }
}

describe('Endings', () => {
  it('answers at once when the job ends in this process', () => {
    const { endings, answers, wait } = someEndings()
    wait('a')
    wait('a')
    endings.settle(completed('a'))
    endings.settle(completed('a'))
    expect(answers).toEqual([completed('a'), completed('a')])
  })

  it('asks no more when the store refuses to answer', async () => {
    const { asked, clock, errors, hints, state, answers, wait } = someEndings()
    state.isRefused = true
    wait('a')
    wait('b')
    await clock.advance(10_000)
    expect(answers).toEqual(['failed', 'failed'])
    expect({ asked: asked.length, errors: errors.length, hints: hints.size }).toEqual({ asked: 1, errors: 1, hints: 0 })
    state.isRefused = false
    wait('c')
    await clock.advance(100)
    expect(asked.at(-1)).toEqual(['c'])
  })

  it('asks for all who wait with one question, ever more rarely, and then no more', async () => {
    const { asked, clock, known, answers, wait } = someEndings()
    wait('a')
    wait('b')
    await clock.advance(10_000)
    expect(asked[0]).toEqual(['a', 'b'])
    expect(asked.length).toBeGreaterThan(10)
    expect(asked.length).toBeLessThan(20)
    known.set('a', completed('a'))
    known.set('b', { id: 'b', state: 'unknown' })
    await clock.advance(1_000)
    expect(answers).toEqual([completed('a'), { id: 'b', state: 'unknown' }])
    const before = asked.length
    await clock.advance(10_000)
    expect(asked.length).toBe(before)
    expect(clock.timers).toBe(0)
  })

  it('asks at once when the store hints at a change, and unsubscribes when nobody waits', async () => {
    const { clock, known, hints, answers, wait } = someEndings()
    wait('a')
    await clock.advance(5_000)
    known.set('a', completed('a'))
    for (const hint of hints) hint()
    await clock.advance(0)
    expect(answers.length).toBe(1)
    expect(hints.size).toBe(0)
  })

  it('goes on asking when the store is away', async () => {
    const { clock, known, state, errors, answers, wait } = someEndings()
    state.isDown = true
    wait('a')
    await clock.advance(500)
    state.isDown = false
    known.set('a', completed('a'))
    await clock.advance(1_000)
    expect(errors.length).toBeGreaterThan(2)
    expect(answers).toEqual([completed('a')])
  })

  it('asks no more for one that gave up', async () => {
    const { clock, asked, answers, known, wait } = someEndings()
    const giveUp = wait('a')
    giveUp()
    known.set('a', completed('a'))
    await clock.advance(1_000)
    expect([asked, answers]).toEqual([[], []])
  })

  it('tells those who still wait when it is closed', async () => {
    const { clock, endings, answers, wait } = someEndings()
    wait('a')
    await settled()
    endings.close()
    await clock.advance(10_000)
    expect(answers).toEqual(['closed'])
  })
})
