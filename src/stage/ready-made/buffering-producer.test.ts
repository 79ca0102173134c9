import { describe, expect, it } from 'vitest'

import { Asker, stillSystem } from '../../../test/support/stages.ts'
import { settled } from '../../../test/support/test-host.ts'
import { bufferingProducer, finish, push } from '../index.ts'

async function started(capacity: number) {
  const { system } = stillSystem()
  const definition = bufferingProducer<number>({ capacity })
  const asker = new Asker(definition)
  const ref = await system.start(definition)
  await system.start(asker.definition)
  return { system, ref, asker }
}

/** Whether a promise has resolved, asked at any time. */
function watched(promise: Promise<void>): { isDone: boolean } {
  const state = { isDone: false }
  void promise.then(() => (state.isDone = true))
  return state
}

describe('bufferingProducer', () => {
  it('gives what was pushed to whoever asks, in order', async () => {
    const { system, ref, asker } = await started(10)
    await push(ref, [1, 2, 3])
    asker.ask(2)
    await system.idle()
    expect(asker.received).toEqual([1, 2])
    asker.ask(5)
    await push(ref, [4])
    await system.idle()
    expect(asker.received).toEqual([1, 2, 3, 4])
  })

  it('holds back who awaits a push until there is room for all of it', async () => {
    const { ref, asker } = await started(2)
    await push(ref, [1, 2])
    const third = watched(push(ref, [3, 4]))
    asker.ask(1)
    await settled()
    expect(third.isDone).toBe(false)
    asker.ask(1)
    await settled()
    expect(third.isDone).toBe(true)
  })

  it('without room, answers a push when its events are taken', async () => {
    const { ref, asker } = await started(0)
    const pushed = watched(push(ref, [1]))
    await settled()
    expect(pushed.isDone).toBe(false)
    asker.ask(1)
    await settled()
    expect(pushed.isDone).toBe(true)
  })

  it('ends when all is taken, once it is told to finish', async () => {
    const { system, ref, asker } = await started(10)
    await push(ref, [1, 2])
    const finished = watched(finish(ref))
    await system.idle()
    expect(ref.isAlive).toBe(true)
    asker.ask(5)
    await settled()
    expect(finished.isDone).toBe(true)
    expect(ref.isAlive).toBe(false)
    expect(asker.received).toEqual([1, 2])
    await finish(ref)
  })

  it('rejects a push that is aborted, or whose producer is gone', async () => {
    const { ref } = await started(0)
    const aborted = new AbortController()
    const waiting = push(ref, [1], { signal: aborted.signal })
    aborted.abort(new Error('enough'))
    await expect(waiting).rejects.toThrow('enough')
    const open = push(ref, [2])
    ref.kill()
    await expect(open).rejects.toMatchObject({ code: 'ERR_EXIT', reason: 'killed' })
    await expect(push(ref, [3])).rejects.toMatchObject({ code: 'ERR_EXIT' })
  })
})
