/** Deaths need a cause, and so do ends of processes. */

import type { Evidence } from '../run.ts'
import type { Histories } from './job-history.ts'
import type { Violation } from './violations.ts'

/** See the head of this file. */
export function checkProcesses(
  { exits, sleeps, lines, stuck }: Pick<Evidence, 'exits' | 'sleeps' | 'lines' | 'stuck'>,
  { nodes }: Pick<Histories, 'nodes'>,
): Violation[] {
  const violations: Violation[] = []
  for (const { id, pid, deadAt } of nodes.values()) {
    if (deadAt === undefined) continue
    // The others may notice it before we do.
    const isGone = exits.some((exit) => exit.pid === pid && exit.at <= deadAt + 2_000)
    const wasAsleep = sleeps.some((sleep) => sleep.pid === pid && sleep.from <= deadAt && deadAt <= sleep.until + 3_000)
    if (isGone || wasAsleep) continue
    violations.push({
      invariant: 'N1',
      subject: id,
      message: `process ${pid} was declared dead, and was neither killed nor stopped`,
    })
  }
  const aborted = new Set(lines.flatMap(({ kind, pid }) => (kind === 'abort' ? pid : [])))
  const crashed = new Set(lines.flatMap(({ kind, pid }) => (kind === 'crash' ? pid : [])))
  for (const { slot, pid, code, signal, cause } of exits) {
    // One that was told to kill itself may still end otherwise.
    const isMeant = cause === 'crash' ? signal === 'SIGKILL' : cause !== 'none'
    if (isMeant || aborted.has(pid)) continue
    const last = lines.findLast((line) => line.pid === pid && line.kind === 'fatal')
    violations.push({
      invariant: 'N2',
      subject: slot,
      message: `process ${pid} ended by itself (${signal ?? code}): ${last?.message ?? 'it said nothing'}`,
    })
  }
  for (const { slot, pid, code, cause, signal } of exits) {
    const wasTold = (cause === 'term' || cause === 'close') && !aborted.has(pid) && !crashed.has(pid)
    if (wasTold && (code !== 0 || signal !== null)) {
      violations.push({
        invariant: 'N2',
        subject: slot,
        message: `process ${pid} was told to stop and ended with ${signal ?? code}`,
      })
    }
  }
  for (const slot of stuck)
    violations.push({ invariant: 'N2', subject: slot, message: 'did not end when it was told to' })
  return violations
}
