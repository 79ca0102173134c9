import { describe, expect, it } from 'vitest'

import { nodeHost } from './host.ts'
import { isUuid, uuidV4, uuidV7 } from './uuid.ts'

const host = nodeHost()

/** A host at a moment, whose chance is bytes of one value. */
function hostAt(ms: number, byte: number): Parameters<typeof uuidV7>[0] {
  const random = { float: () => 0, bytes: (length: number) => new Uint8Array(length).fill(byte) }
  return { clock: { ...host.clock, now: () => ms }, random }
}

describe('uuidV7', () => {
  it('is the time in 48 bits, the version, the variant, and chance', () => {
    // The example of RFC 9562, appendix A.6, but for its chance.
    expect(uuidV7(hostAt(1_645_557_742_000, 0xff))).toBe('017f22e2-79b0-7fff-bfff-ffffffffffff')
    expect(uuidV7(hostAt(0, 0))).toBe('00000000-0000-7000-8000-000000000000')
    expect(uuidV7(hostAt(2 ** 48 - 1, 0))).toBe('ffffffff-ffff-7000-8000-000000000000')
  })

  it('sorts by the time at which it was made', () => {
    const moments = [1, 255, 256, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40 + 1, 1_800_000_000_000]
    const ids = moments.map((ms) => uuidV7(hostAt(ms, 7)))
    expect([...ids].sort()).toEqual(ids)
  })

  it('never answers the same twice', () => {
    const ids = new Set(Array.from({ length: 50_000 }, () => uuidV7(host)))
    expect(ids.size).toBe(50_000)
    for (const id of ids) if (!isUuid(id) || id[14] !== '7') throw new Error(`${id} is no UUID of version 7`)
  })
})

describe('uuidV4', () => {
  it('is chance but for the version and the variant, and never the same twice', () => {
    expect(uuidV4(hostAt(0, 0x00))).toBe('00000000-0000-4000-8000-000000000000')
    const ids = new Set(Array.from({ length: 10_000 }, () => uuidV4(host)))
    expect(ids.size).toBe(10_000)
  })
})
