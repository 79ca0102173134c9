import { expect, it } from 'vitest'

import { stableId } from './stable-id.ts'

it('answers the same UUID for the same parts, whenever it is asked', () => {
  expect(stableId('pages.render', 'node_modules/a/README.md')).toBe(
    stableId('pages.render', 'node_modules/a/README.md'),
  )
  expect(stableId('pages.render', 'node_modules/a/README.md')).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  )
})

it('tells parts apart that are equal once they are joined', () => {
  expect(stableId('ab', 'c')).not.toBe(stableId('a', 'bc'))
})

it('does not repeat itself over many paths', () => {
  const ids = new Set(Array.from({ length: 5_000 }, (_, index) => stableId('job', `folder/${index}.js`)))
  expect(ids.size).toBe(5_000)
})
