import { expect, it } from 'vitest'

import { kindOf, packageOf, pageNameOf } from './input-file.ts'

it.each([
  ['README.md', 'page'],
  ['Readme.MD', 'page'],
  ['package.json', 'manifest'],
  ['package-lock.json', undefined],
  ['index.mjs', 'source'],
  ['index.d.ts', 'source'],
  ['index.js.map', undefined],
])('takes %s for %s', (name, kind) => {
  expect(kindOf(name)).toBe(kind)
})

it.each([
  ['node_modules/a/index.js', 'a'],
  ['node_modules/@s/a/lib/index.js', '@s/a'],
  ['node_modules/a/node_modules/b/index.js', 'b'],
  ['npm/docs/index.md', 'npm'],
])('finds the package of %s', (path, name) => {
  expect(packageOf(path)).toBe(name)
})

it('names pages so that no two have the same, also where the disk ignores case', () => {
  expect(pageNameOf('node_modules/a/README.md')).toMatch(/^a-readme-\w+\.html$/)
  const names = ['x/a-b.md', 'x/a/b.md', 'x/A/b.md', 'x/a/B.md'].map((path) => pageNameOf(path).toLowerCase())
  expect(new Set(names).size).toBe(4)
})
