import { describe, expect, it } from 'vitest'

import { similarity, sketch, SKETCH_LENGTH } from './min-hash.ts'
import { nearDuplicates } from './near-duplicates.ts'
import { tokensOf } from './source-tokens.ts'

const pause = (): Promise<void> => Promise.resolve()
const sketchOf = (source: string): Promise<number[]> => sketch(tokensOf(source), { pause })
const program = (name: string, length = 200): string =>
  Array.from(
    { length },
    (_, index) => `export function ${name}${index}(a, b) { return a * ${index} + b.${name} }`,
  ).join('\n')

describe('tokensOf', () => {
  it('leaves out comments and spaces, and takes all numbers and texts for the same', () => {
    const tokens = ['const', 'a', '=', '0', '+', '""', ';', 'f', '(', '""', ')']
    expect(tokensOf(`const a = 12 + "x"; // note\n/* more */ f('\\'y')`)).toEqual(tokens)
    expect(tokensOf('const a=0x1f+`z\n`;f("")')).toEqual(tokens)
  })
})

describe('sketch', () => {
  it('is the same for the same tokens, whatever the comments are', async () => {
    expect(await sketchOf(program('one'))).toEqual(await sketchOf(`// licence\n${program('one')}`))
  })

  it('tells how alike two files are', async () => {
    const one = await sketchOf(program('one'))
    expect(similarity(one, one)).toBe(1)
    expect(similarity(one, await sketchOf(program('two')))).toBeLessThan(0.2)
    expect(similarity(one, await sketchOf(program('one', 210)))).toBeGreaterThan(0.8)
  })

  it('lets others have their turn, and tells how far it is', async () => {
    const shares: number[] = []
    await sketch(tokensOf(program('one', 500)), { pause: async (done) => void shares.push(done) })
    expect(shares.length).toBeGreaterThan(1)
    expect(shares).toEqual(shares.toSorted((a, b) => a - b))
    expect(Math.max(...shares)).toBeLessThan(1)
  })

  it('takes files with few tokens or none', async () => {
    expect(await sketchOf('')).toHaveLength(SKETCH_LENGTH)
    expect(similarity(await sketchOf('a'), await sketchOf('b'))).toBeLessThan(0.2)
  })
})

describe('nearDuplicates', () => {
  it('joins what is alike into groups, in whatever order the files come', async () => {
    const files = [
      { path: 'b.cjs', sketch: await sketchOf(program('one')) },
      { path: 'a.mjs', sketch: await sketchOf(program('one')) },
      { path: 'c.js', sketch: await sketchOf(program('one', 205)) },
      { path: 'd.js', sketch: await sketchOf(program('two')) },
    ]
    const groups = nearDuplicates(files, 0.8)
    expect(groups.map((group) => group.files)).toEqual([['a.mjs', 'b.cjs', 'c.js']])
    expect(groups[0]?.similarity).toBeGreaterThanOrEqual(0.8)
    expect(nearDuplicates(files.toReversed(), 0.8)).toEqual(groups)
  })
})
