import { expect, it } from 'vitest'

import { groupFailures, patternOf } from './failures.ts'

const aFailure = (id: string, name: string, message: string) => ({
  id,
  name,
  attempt: 2,
  error: { name: 'Error', message },
})

it('sees the pattern in messages that differ in names and numbers', () => {
  const pattern = 'broken links in …: no file …'
  expect(patternOf('broken links in "a.md": no file "b.md"')).toBe(pattern)
  expect(patternOf('broken links in "a.md": no file "b.md", "c.md", "d.md" and 12 more')).toBe(pattern)
  expect(patternOf('Unexpected token } in JSON at position 7')).toBe('Unexpected token } in JSON at position N')
})

it('groups by job and pattern, largest first, with three examples in a fixed order', () => {
  const jobs = [5, 3, 1, 4].map((number) => aFailure(`${number}`, 'links', `no file "${number}"`))
  const groups = groupFailures([aFailure('2', 'manifests', 'no file "x"'), ...jobs])
  expect(groups.map(({ name, count }) => [name, count])).toEqual([
    ['links', 4],
    ['manifests', 1],
  ])
  expect(groups[0]?.examples.map(({ id }) => id)).toEqual(['1', '3', '4'])
})
