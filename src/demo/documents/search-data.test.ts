import { expect, it } from 'vitest'

import { EMPTY_SEARCH_DATA, parseSearchData, printSearchData, withDocument } from './search-data.ts'

const aDocument = (number: number) => ({ number, kind: 'page', title: `T${number}`, path: `p/${number}`, page: '' })

it('finds the numbers of documents by their words', () => {
  const data = withDocument(withDocument(EMPTY_SEARCH_DATA, aDocument(2), ['b', 'c']), aDocument(1), ['a', 'b'])
  expect(data.documents.map(({ number }) => number)).toEqual([1, 2])
  expect(data.words).toEqual([
    ['a', [1]],
    ['b', [1, 2]],
    ['c', [2]],
  ])
})

it('is the same whatever the order of documents, and however often one is added', () => {
  const add = (data: typeof EMPTY_SEARCH_DATA, number: number) =>
    withDocument(data, aDocument(number), ['word', 'constructor', '__proto__', `w${number}`])
  const expected = [1, 2, 3].reduce(add, EMPTY_SEARCH_DATA)
  expect([3, 1, 2, 1, 3].reduce(add, EMPTY_SEARCH_DATA)).toEqual(expected)
})

it('survives the way to the disk and back', () => {
  const data = withDocument(EMPTY_SEARCH_DATA, { ...aDocument(1), title: '</script>\u2028' }, ['__proto__'])
  expect(parseSearchData(printSearchData(data))).toEqual(data)
})
