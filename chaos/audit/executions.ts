/** What the handlers themselves said, against what the database says. */

import type { Evidence } from '../run.ts'
import { concurrencyOf } from '../fleet.ts'
import type { Histories } from './job-history.ts'
import type { Violation } from './violations.ts'

/** A claim commits without waiting for the disk, so a killed PostgreSQL forgets the last ones; they run again. */
const FORGOTTEN_WITHIN_MS = 3_000

/** Every start needs a claim by that process, and no process runs more at once than it may. */
export function checkExecutions(evidence: Evidence, histories: Histories): Violation[] {
  return [...checkClaims(evidence, histories), ...checkConcurrency(evidence), ...checkBlocked(evidence)]
}

function checkClaims({ lines, incidents }: Evidence, { jobs }: Histories): Violation[] {
  const violations: Violation[] = []
  const outages = incidents.filter(({ type }) => type === 'kill-database')
  const starts = new Map<string, number[]>()
  for (const { kind, job, pid, at } of lines) {
    if (kind !== 'start' || job === undefined) continue
    const key = `${job} ${pid}`
    const times = starts.get(key)
    if (times === undefined) starts.set(key, [at])
    else times.push(at)
  }
  for (const [key, times] of starts) {
    const [job = '', pid] = key.split(' ')
    const claims = jobs.get(job)?.claims.filter((claim) => String(claim.pid) === pid).length ?? 0
    const isForgotten = times.some((at) =>
      outages.some((outage) => at <= outage.until && at > outage.at - FORGOTTEN_WITHIN_MS),
    )
    if (times.length > claims && !isForgotten) {
      violations.push({
        invariant: 'I4',
        subject: job,
        message: `began ${times.length} times in process ${pid}, which claimed it ${claims} times`,
      })
    }
  }
  return violations
}

function checkConcurrency({ lines, store }: Evidence): Violation[] {
  const violations: Violation[] = []
  const running = new Map<number, Map<string, string>>()
  for (const { kind, pid, job, name } of lines) {
    if (job === undefined) {
      // What a node that lost its leases still runs does not count: it began anew.
      if (kind === 'fenced' || kind === 'hello') running.delete(pid)
      continue
    }
    let jobs = running.get(pid)
    if (jobs === undefined) running.set(pid, (jobs = new Map<string, string>()))
    if (kind === 'end' || kind === 'threw') jobs.delete(job)
    if (kind !== 'start' || name === undefined) continue
    const queue = queueOf(name)
    jobs.set(job, queue)
    const count = [...jobs.values()].filter((one) => one === queue).length
    const most = concurrencyOf(queue, store)
    if (count > most)
      violations.push({
        invariant: 'L1',
        subject: String(pid),
        message: `ran ${count} handlers of ${queue} at once instead of ${most}`,
      })
  }
  return violations
}

function queueOf(name: string): string {
  const queues: Readonly<Record<string, string>> = {
    'work.effect': 'effects',
    'work.poison': 'poison',
    'work.bomb': 'bomb',
    'work.block': 'block',
  }
  return queues[name] ?? 'default'
}

/** A handler that keeps the event loop to itself runs once. */
function checkBlocked({ lines }: Evidence): Violation[] {
  const starts = lines.filter(({ kind, name }) => kind === 'start' && name === 'work.block')
  if (starts.length < 2) return []
  return [
    {
      invariant: 'N1',
      subject: starts[0]?.job ?? '',
      message: `the handler that blocks its event loop began ${starts.length} times`,
    },
  ]
}
