import { describe, expect, it } from 'vitest'

import { formatTable } from './table.ts'

const COLUMNS = [{ title: 'NAME' }, { title: 'N', align: 'right' as const }, { title: 'TEXT' }]

describe('formatTable', () => {
  it('aligns columns and ends lines without spaces', () => {
    expect(
      formatTable(COLUMNS, [
        ['a', '1', 'x'],
        ['long', '100', ''],
      ]),
    ).toEqual(['NAME    N  TEXT', 'a       1  x', 'long  100'])
  })

  it('cleans cells', () => {
    expect(formatTable(COLUMNS, [['\u001b[31ma\nb', '1', '\u001b]0;t\u0007c']])[1]).toBe('a b   1  c')
  })

  it('cuts the last column at the width', () => {
    const [, row] = formatTable(COLUMNS, [['a', '1', 'x'.repeat(100)]], { width: 30 })
    expect(row).toBe(`a     1  ${'x'.repeat(20)}…`)
  })

  it('paints padded cells, so that columns stay straight', () => {
    const columns = [{ title: 'S', paint: (cell: string) => `<${cell}>` }, { title: 'T' }]
    expect(
      formatTable(columns, [
        ['a', 'x'],
        ['bbb', 'y'],
      ]),
    ).toEqual(['S    T', '<a  >  x', '<bbb>  y'])
  })
})
