import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { isStorable, sanitizeText } from './stored-text.ts'

describe('sanitizeText', () => {
  it('leaves good text alone', () => {
    expect(sanitizeText('grüße 👋', 100)).toBe('grüße 👋')
    expect(sanitizeText('', 100)).toBe('')
    expect(sanitizeText('12345', 5)).toBe('12345')
  })

  it('replaces NUL and halves of surrogate pairs', () => {
    expect(sanitizeText('a\0b\uD800c\uDC00', 100)).toBe('a\uFFFDb\uFFFDc\uFFFD')
    expect(sanitizeText('\uDC00\uD800', 100)).toBe('\uFFFD\uFFFD')
  })

  it('cuts between characters and says so', () => {
    expect(sanitizeText('1234567', 6)).toBe('123…')
    expect(sanitizeText('ä'.repeat(10), 8)).toBe('ää…')
    expect(sanitizeText('👋👋', 7)).toBe('👋…')
  })

  it('keeps its promise for any text and limit', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', maxLength: 50 }),
        fc.string({ maxLength: 5 }),
        fc.integer({ min: 3, max: 60 }),
        (text, extra, max) => {
          const clean = sanitizeText(`${text}\uD83D${extra}\0`, max)
          expect(Buffer.byteLength(clean)).toBeLessThanOrEqual(max)
          expect(isStorable(clean)).toBe(true)
          expect(Buffer.from(clean).toString()).toBe(clean)
        },
      ),
    )
  })
})
