import { describe, expect, it } from 'vitest'

import { isInstalled } from './install.mjs'

const lock = JSON.stringify({
  packages: {
    '': { name: 'millrace' },
    'node_modules/a': { version: '1.0.0' },
    'node_modules/b': { version: '2.0.0', optional: true },
  },
})
const record = (/** @type {object} */ packages) => JSON.stringify({ packages })

describe('isInstalled', () => {
  it('believes npm when its record agrees with the lock, with or without optional packages', () => {
    expect(isInstalled(lock, record({ 'node_modules/a': { version: '1.0.0' } }))).toBe(true)
  })

  it('wants an installation when a package is missing or another version is there', () => {
    expect(isInstalled(lock, record({ 'node_modules/b': { version: '2.0.0' } }))).toBe(false)
    expect(isInstalled(lock, record({ 'node_modules/a': { version: '1.0.1' } }))).toBe(false)
  })

  it('wants an installation when npm left no record', () => {
    expect(isInstalled(lock, undefined)).toBe(false)
  })
})
