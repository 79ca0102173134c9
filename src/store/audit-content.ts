/** What every store writes down of what operators did. */

import { parseJson } from './stored-values.ts'
import type { AuditAction, AuditRecord, JobTarget, NodeWish, QueueChange } from './store.ts'

/** How many ids of named jobs are written down. */
const MOST_IDS = 100

/** What a bulk verb was about. */
export function auditedTarget(target: JobTarget): AuditRecord['target'] {
  return 'ids' in target ? { ids: target.ids.slice(0, MOST_IDS) } : { filter: target.filter }
}

/** The queue that a bulk verb was about, where it was about one. */
export function auditedQueue(target: JobTarget): string | null {
  return 'ids' in target ? null : (target.filter.queue ?? null)
}

/** What a change of a queue is called, and with which settings; null when it changes nothing. */
export function auditedChange({ isPaused, scale }: QueueChange): Pick<AuditRecord, 'action' | 'target'> | null {
  const target = scale === undefined ? {} : { scale }
  if (isPaused !== undefined) return { action: isPaused ? 'pause' : 'resume', target }
  return scale === undefined ? null : { action: 'scale', target }
}

/** What an order to a node is called. Its host and pid are written down too: the node itself is soon forgotten. */
export function auditedWish(
  node: { readonly node: string; readonly host: string; readonly pid: number },
  wanted: NodeWish | null,
): Pick<AuditRecord, 'action' | 'queue' | 'target'> {
  return { action: wanted === null ? 'node-resume' : `node-${wanted}`, queue: null, target: node }
}

/** A stored row. */
export function decodeAudit(
  row: Omit<AuditRecord, 'action' | 'target'> & { readonly action: string; readonly target: string },
): AuditRecord {
  const target = parseJson(row.target)
  return {
    ...row,
    // Written by this code; one of a newer version is shown by its own name.
    action: row.action as AuditAction,
    // Written by this code: an object.
    target: (target ?? {}) as AuditRecord['target'],
  }
}
