import { describe, expect, it } from 'vitest'

import { SuspectGate } from './suspect-gate.ts'

function aGate() {
  const gate = new SuspectGate()
  const inside: string[] = []
  const enter = (name: string, isApart: boolean): void => void gate.enter(isApart).then(() => inside.push(name))
  const seen = async (): Promise<string[]> => {
    await Promise.resolve()
    return inside.splice(0)
  }
  return { gate, enter, seen }
}

describe('SuspectGate', () => {
  it('lets those in together that need not be apart', async () => {
    const { enter, seen } = aGate()
    for (const name of ['a', 'b', 'c']) enter(name, false)
    expect(await seen()).toEqual(['a', 'b', 'c'])
  })

  it('lets one in at a time of those that are to be apart, in the order in which they came', async () => {
    const { gate, enter, seen } = aGate()
    for (const name of ['a', 'b', 'c']) enter(name, true)
    expect(await seen()).toEqual(['a'])
    gate.leave(true)
    expect(await seen()).toEqual(['b'])
    gate.leave(true)
    expect(await seen()).toEqual(['c'])
  })

  it('keeps both kinds from each other, and those that run together go first', async () => {
    const { gate, enter, seen } = aGate()
    enter('together', false)
    enter('apart', true)
    enter('too', false)
    expect(await seen()).toEqual(['together', 'too'])
    gate.leave(false)
    expect(await seen()).toEqual([])
    gate.leave(false)
    expect(await seen()).toEqual(['apart'])
    enter('apart too', true)
    enter('late', false)
    expect(await seen()).toEqual([])
    gate.leave(true)
    expect(await seen()).toEqual(['late'])
    gate.leave(false)
    expect(await seen()).toEqual(['apart too'])
  })
})
