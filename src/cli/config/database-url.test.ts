import { expect, it } from 'vitest'

import { fileOfUrl, missingFile, shownUrl } from './database-url.ts'

it.each([
  ['sqlite:./a.db', '/app/a.db'],
  ['sqlite:a.db', '/app/a.db'],
  ['sqlite:/var/a.db', '/var/a.db'],
  ['sqlite:///var/a.db', '/var/a.db'],
  ['sqlite::memory:', undefined],
  ['postgres://h/d', undefined],
])('the file of %s is %s', (url, file) => {
  expect(fileOfUrl(url, '/app')).toBe(file)
})

it('misses only files', () => {
  expect(missingFile('sqlite:./nope.db', '/nowhere')).toBe('/nowhere/nope.db')
  expect(missingFile('sqlite::memory:', '/nowhere')).toBe(undefined)
})

it('shows where a relative file is, and no password', () => {
  expect(shownUrl('sqlite:./a.db', '/app')).toBe('sqlite:./a.db (/app/a.db)')
  expect(shownUrl('sqlite:/app/a.db', '/app')).toBe('sqlite:/app/a.db')
  expect(shownUrl('postgres://u:p@h/d', '/app')).toBe('postgres://u:***@h/d')
})
