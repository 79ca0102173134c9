import { describe, expect, it } from 'vitest'

import { cleanLine, cleanText, shorten, withoutControls } from './clean-text.ts'

describe('cleanText', () => {
  it.each([
    ['colours', '\u001b[31mred\u001b[0m', 'red'],
    ['cursor movements and erasing', 'a\u001b[2J\u001b[1;1Hb', 'ab'],
    ['titles', 'a\u001b]0;owned\u0007b', 'ab'],
    ['links', '\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\', 'click'],
    ['eight-bit sequences', 'a\u009b31mb\u009d0;t\u009cc', 'abc'],
    ['a lone escape', 'a\u001bcb', 'ab'],
    ['a sequence without its end', 'a\u001b]0;never ends', 'a0;never ends'],
    ['bells, backspaces and deletes', 'a\u0007\u0008\u007fb', 'ab'],
    ['marks of direction', 'user\u202etxt.exe', 'usertxt.exe'],
    ['carriage returns, which write over a line', 'good\rbad', 'good\nbad'],
  ])('takes away %s', (_, text, clean) => {
    expect(cleanText(text)).toBe(clean)
  })

  it('keeps text, line breaks and tabs', () => {
    expect(cleanText('Zoë 東京 👍\n\tat x')).toBe('Zoë 東京 👍\n\tat x')
  })

  it('takes no longer than the text is long', () => {
    const text = '\u001b]'.repeat(200_000)
    const began = performance.now()
    cleanText(text)
    expect(performance.now() - began).toBeLessThan(2_000)
  })
})

describe('cleanLine', () => {
  it('puts all in one line', () => {
    expect(cleanLine('a\n  b\tc')).toBe('a b c')
  })

  it('cuts between characters', () => {
    expect(cleanLine('👍👍👍👍', 3)).toBe('👍👍…')
    expect(shorten('abc', 3)).toBe('abc')
    expect(shorten('abcd', 3)).toBe('ab…')
  })
})

describe('withoutControls', () => {
  it('keeps colours only where there may be any', () => {
    const text = '\u001b[31mred\u001b[39m\u001b[2J'
    expect(withoutControls(text, { keepColors: true })).toBe('\u001b[31mred\u001b[39m')
    expect(withoutControls(text, { keepColors: false })).toBe('red')
  })
})
