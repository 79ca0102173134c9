import { expect, it } from 'vitest'

import { wordsOf } from './words.ts'

it('takes the most frequent words in alphabetical order, without short and very common ones', () => {
  expect(wordsOf('Zebra zebra apple the the the of Mango mango constructor', 3)).toEqual(['apple', 'mango', 'zebra'])
})

it('knows words of any script, and words with hyphens and digits', () => {
  expect(wordsOf('größe back-pressure utf8 東京都 42', 9)).toEqual(['back-pressure', 'größe', 'utf8', '東京都'])
})
