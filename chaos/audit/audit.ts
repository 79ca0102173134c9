/** Judges the evidence of a run: which promises were broken, and what the run amounted to. */

import type { Evidence } from '../run.ts'
import { followTransitions, type Histories } from './job-history.ts'
import { checkExecutions } from './executions.ts'
import { figuresOf, type Figures } from './figures.ts'
import { checkProcesses } from './processes.ts'
import type { Violation } from './violations.ts'

/** What the audit says. */
export interface Judgement {
  readonly violations: readonly Violation[]
  /** Why the run proves nothing, although nothing was broken. */
  readonly tooLittle: readonly string[]
  /** What took longer than the profile allows. */
  readonly tooSlow: readonly string[]
  readonly figures: Figures
}

/** Judges all of it. */
export function judge(evidence: Evidence): Judgement {
  const histories = followTransitions(evidence.transitions)
  const figures = figuresOf(evidence, histories)
  return {
    violations: [
      ...histories.violations,
      ...checkEndings(evidence, histories),
      ...checkEffects(evidence, histories),
      ...checkExecutions(evidence, histories),
      ...checkProcesses(evidence, histories),
    ],
    tooLittle: tooLittle(evidence, figures),
    tooSlow: tooSlow(evidence, figures),
    figures,
  }
}

function checkEndings({ lines, unfinished, workload }: Evidence, { jobs }: Histories): Violation[] {
  const violations: Violation[] = []
  const confirmed = new Set(lines.flatMap(({ kind, job }) => (kind === 'confirmed' ? (job ?? []) : [])))
  for (const { id, name } of workload) {
    const job = jobs.get(id)
    if (!confirmed.has(id)) violations.push({ invariant: 'I8', subject: id, message: `${name} was never confirmed` })
    else if (job === undefined)
      violations.push({ invariant: 'I1', subject: id, message: `${name} was confirmed and never stored` })
  }
  const intended = new Set(workload.map(({ id }) => id))
  for (const job of jobs.values()) {
    if (!intended.has(job.id) && job.name !== 'work.spawned') {
      violations.push({ invariant: 'I2', subject: job.id, message: `nobody intended this ${job.name}` })
    }
    if (job.living === 1 && job.ended === 0) continue
    if (job.living !== 0 || job.ended !== 1) {
      const message = `is ${job.living} times among the living and ${job.ended} times among the ended`
      violations.push({ invariant: job.living + job.ended === 0 ? 'I1' : 'I6', subject: job.id, message })
    }
  }
  const open = [...jobs.values()].filter(({ living }) => living === 1)
  if (unfinished > 0) {
    const shown = open.slice(0, 5).map(({ id, name }) => `${name} ${id}`)
    violations.push({
      invariant: 'I8',
      subject: 'jobs',
      message: `${unfinished} had not ended at the end: ${shown.join(', ')}`,
    })
  }
  return violations
}

function checkEffects({ effects, workload }: Evidence, { jobs }: Histories): Violation[] {
  const violations: Violation[] = []
  const counts = new Map<string, number>()
  for (const { job } of effects) counts.set(job, (counts.get(job) ?? 0) + 1)
  const children = new Map<string, number>()
  for (const { name, args } of jobs.values()) {
    if (name !== 'work.spawned') continue
    // The args of the job are the id of its parent; see program/jobs.mjs.
    const [parent = ''] = JSON.parse(args) as readonly string[]
    children.set(parent, (children.get(parent) ?? 0) + 1)
  }
  for (const { id, name, args } of workload) {
    if (name !== 'work.effect') continue
    const wanted = jobs.get(id)?.state === 'completed' ? 1 : 0
    const found = counts.get(id) ?? 0
    if (found !== wanted)
      violations.push({ invariant: 'I9', subject: id, message: `has ${found} effects instead of ${wanted}` })
    const wantedChildren = args[0] === true ? wanted : 0
    const foundChildren = children.get(id) ?? 0
    if (foundChildren !== wantedChildren) {
      violations.push({
        invariant: 'I9',
        subject: id,
        message: `has enqueued ${foundChildren} jobs instead of ${wantedChildren}`,
      })
    }
  }
  return violations
}

function tooLittle({ profile, plan }: Evidence, figures: Figures): string[] {
  const { least } = profile
  const problems: string[] = []
  const need = (what: string, found: number, wanted: number): void => {
    if (found < wanted) problems.push(`${found} ${what} instead of at least ${wanted}`)
  }
  need('kill -9', figures.kill9, least.kills)
  need('zombies', figures.zombies, least.zombies)
  need('kills on the terms of another machine', figures.remoteKills, least.remoteKills)
  if (least.zombies > 0) need('refused late results', figures.staleRefused, 1)
  if (plan.slots.some(({ role }) => role === 'blocked')) need('blocked event loops', figures.blocked, 1)
  return problems
}

function tooSlow({ profile: { most } }: Evidence, { recoverySameHost, recoveryElsewhere }: Figures): string[] {
  if (most === undefined) return []
  const limits = [
    ['on the same host', recoverySameHost.p99Ms, most.sameHostMs],
    ['on the terms of another machine', recoveryElsewhere.p99Ms, most.elsewhereMs],
  ] as const
  return limits.flatMap(([where, foundMs, mostMs]) =>
    foundMs !== null && foundMs > mostMs
      ? `recovery ${where} takes ${foundMs} ms at the 99th percentile instead of at most ${mostMs}`
      : [],
  )
}
