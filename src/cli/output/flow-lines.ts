/** Stages and their subscriptions, for people. */

import type { NodeInfo } from '../../index.ts'
import { formatTable, type Column } from './table.ts'
import type { Terminal } from './terminal.ts'

type Flow = NonNullable<NodeInfo['flow']>

/** A table of the stages, in the order in which they started. */
export function flowLines({ stages }: Flow, terminal: Terminal): string[] {
  const right = { align: 'right' as const }
  const columns: Column[] = [
    { title: 'STAGE' },
    { title: 'KIND' },
    { title: 'BUSY' },
    { title: 'MAILBOX', ...right },
    { title: 'BUFFER', ...right },
    { title: 'IN', ...right },
    { title: 'OUT', ...right },
    { title: 'DEMAND', ...right },
    { title: 'FROM' },
  ]
  const nameOf = ({ id, name }: { readonly id: number; readonly name?: string }): string => name ?? `#${id}`
  const rows = stages.map((stage) => {
    const [first, ...others] = stage.subscriptions
    const sum = (of: 'outstanding' | 'maxDemand'): number => stage.subscriptions.reduce((all, one) => all + one[of], 0)
    return [
      nameOf(stage),
      stage.kind,
      stage.busy ? 'busy' : '',
      String(stage.mailbox),
      String(stage.buffered),
      String(stage.eventsIn),
      String(stage.eventsOut),
      first === undefined ? '' : `${sum('outstanding')}/${sum('maxDemand')}`,
      first === undefined ? '' : `${nameOf(first.producer)}${others.length === 0 ? '' : ` and ${others.length} more`}`,
    ]
  })
  return formatTable(columns, rows, { width: terminal.width, paintHeader: terminal.colors.dim })
}
