import { describe, expect, it } from 'vitest'

import { editDistance, nearest, suggestion } from './suggest.ts'

describe('nearest', () => {
  it('finds the word that was most likely meant', () => {
    expect(nearest('concurency', ['queue', 'concurrency', 'currency'])).toBe('concurrency')
    expect(nearest('dealy', ['delay', 'at'])).toBe('delay')
    expect(nearest('mailer.sendwelcome', ['mailer.sendWelcome', 'mailer.sendWelcomes'])).toBe('mailer.sendWelcome')
    expect(nearest('ta', ['at', 'id'])).toBe('at')
  })

  it('finds nothing when nothing is near', () => {
    expect(nearest('images.resize', ['mailer.ping'])).toBeUndefined()
    expect(nearest('', ['id'])).toBeUndefined()
    expect(nearest('x', [])).toBeUndefined()
    expect(suggestion('zzz', ['id'])).toBe('')
  })

  it('stays fast on huge input', () => {
    expect(nearest('x'.repeat(1_000_000), ['y'.repeat(1_000_000)])).toBeUndefined()
  })
})

describe('editDistance', () => {
  it('counts inserts, removals, changes and swaps', () => {
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('abc', '')).toBe(3)
    expect(editDistance('kitten', 'sitting')).toBe(3)
    expect(editDistance('ab', 'ba')).toBe(1)
    expect(editDistance('same', 'same')).toBe(0)
  })
})
