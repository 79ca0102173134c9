import { describe, expect, it } from 'vitest'
import { checkEngine, isAtLeast, MIN_ENGINE } from './engine.ts'
import { loadEngine } from './load-engine.ts'

describe('the engine', () => {
  it('is never older than the first safe version', () => {
    expect(isAtLeast(loadEngine().version, MIN_ENGINE)).toBe(true)
  })

  it.each([
    ['3.51.3', true],
    ['3.51.10', true],
    ['3.53.0', true],
    ['4.0', true],
    ['3.51.2', false],
    ['3.45.1', false],
    ['3.9.99', false],
  ])('of version %s is safe: %s', (version, isSafe) => {
    expect(isAtLeast(version, MIN_ENGINE)).toBe(isSafe)
  })

  it('is refused by name and version when it is too old', () => {
    expect(() => checkEngine('libsql', '3.45.1')).toThrow(/libsql has SQLite 3\.45\.1.*3\.51\.3/)
  })
})
