/** Tables for people. */

import { cleanLine } from './clean-text.ts'

/** A column of a table. */
export interface Column {
  readonly title: string
  readonly align?: 'left' | 'right'
  /** Colours a cell. It is called with the padded text, so widths hold. */
  readonly paint?: ((cell: string) => string) | undefined
}

/** Options of {@link formatTable}. */
export interface TableOptions {
  /** Lines longer than this are cut in their last column. Default: never. */
  readonly width?: number | undefined
  readonly paintHeader?: ((text: string) => string) | undefined
}

const GAP = '  '
const NARROWEST_LAST = 12

/** The lines of a table with a header. Cells are cleaned here, so they may hold anything. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { width = Infinity, paintHeader = (text) => text }: TableOptions = {},
): string[] {
  const cells = rows.map((row) => columns.map((_, index) => cleanLine(row[index] ?? '')))
  const widths = columns.map(({ title }, index) =>
    Math.max(widthOf(title), ...cells.map((row) => widthOf(row[index] ?? ''))),
  )
  const last = columns.length - 1
  const before = widths.slice(0, last).reduce((sum, one) => sum + one + GAP.length, 0)
  const lastWidth = Math.max(NARROWEST_LAST, width - before)
  const line = (row: readonly string[], paint: (cell: string, column: Column) => string): string =>
    columns
      .map((column, index) => {
        const cell = row[index] ?? ''
        if (index === last && column.align !== 'right') return paint(cleanLine(cell, lastWidth), column)
        return paint(pad(cell, widths[index] ?? 0, column.align ?? 'left'), column)
      })
      .join(GAP)
      .trimEnd()
  return [
    line(
      columns.map(({ title }) => title),
      (cell) => paintHeader(cell),
    ),
    ...cells.map((row) => line(row, (cell, { paint }) => paint?.(cell) ?? cell)),
  ]
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)))
  return align === 'right' ? space + text : text + space
}

/** In characters: those that fill two places make a column less straight, no more. */
function widthOf(text: string): number {
  return Array.from(text).length
}
