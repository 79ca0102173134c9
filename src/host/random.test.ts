import { describe, expect, it } from 'vitest'

import { nodeRandom } from './random.ts'

describe('nodeRandom', () => {
  it('hands out bytes that are the caller’s own', () => {
    const random = nodeRandom()
    const first = random.bytes(16)
    const copy = Uint8Array.from(first)
    for (let round = 0; round < 1_000; round++) random.bytes(16).fill(0)
    expect(first).toEqual(copy)
  })

  it('hands out as many as are asked for, more than it draws at a time included', () => {
    const random = nodeRandom()
    const lengths = [0, 1, 4_095, 4_096, 4_097, 100_000, 16]
    expect(lengths.map((length) => random.bytes(length).length)).toEqual(lengths)
    expect(new Set(random.bytes(10_000)).size).toBe(256)
  })
})
