import { expect, it } from 'vitest'

import { readManifest } from './manifest.ts'

it('reads what a package says about itself', () => {
  const text =
    '\uFEFF{"name":"x","version":"1.2.3","license":"MIT","keywords":["a",1],"dependencies":{"c":"1","b":"2"}}'
  expect(readManifest(text)).toEqual({
    name: 'x',
    version: '1.2.3',
    description: undefined,
    licence: 'MIT',
    keywords: ['a'],
    dependencies: ['b', 'c'],
  })
})

it('understands old forms of licences', () => {
  expect(readManifest('{"license":{"type":"BSD"}}').licence).toBe('BSD')
  expect(readManifest('{"licenses":[{"type":"MIT"},{"type":"GPL"}]}').licence).toBe('MIT OR GPL')
  expect(readManifest('{"license":7}').licence).toBeUndefined()
})

it('refuses what is no JSON object', () => {
  expect(() => readManifest('{ name: "json5" }')).toThrow(SyntaxError)
  expect(() => readManifest('[]')).toThrow('the manifest is no JSON object but []')
  expect(() => readManifest('null')).toThrow('no JSON object')
})
