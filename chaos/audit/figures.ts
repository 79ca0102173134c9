/** What a run amounted to, in numbers. */

import type { Evidence } from '../run.ts'
import type { Claim, Histories } from './job-history.ts'

/** How soon jobs of killed processes ran again, from the kill to the start. */
export interface Recovery {
  /** Kills after which at least one job ran again. */
  readonly kills: number
  readonly jobs: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly maxMs: number | null
}

/** A job that ran again, with the milliseconds since the kill. */
export interface Recovered {
  readonly job: string
  readonly name: string
  /** The slot that was killed. */
  readonly slot: string
  /** In how many crashes in a row it had been before this one. */
  readonly crashes: number
  readonly freedMs: number
  readonly claimedMs: number
  readonly startedMs: number
}

/** See the head of this file. */
export interface Figures {
  readonly jobs: number
  readonly completed: number
  readonly failed: number
  readonly lost: number
  readonly effects: { readonly jobs: number; readonly missing: number; readonly doubled: number }
  /** All ends by SIGKILL, of workers and producers. */
  readonly kill9: number
  readonly killsByKind: Readonly<Record<string, number>>
  readonly faultsByKind: Readonly<Record<string, number>>
  /** Processes that were stopped, declared dead meanwhile, and woke up. */
  readonly zombies: number
  readonly staleRefused: number
  /** Handlers that blocked their event loop beyond the lease, and were left alone. */
  readonly blocked: number
  readonly executions: number
  /** Attempts that were cut off, so that their jobs ran again. */
  readonly cutOff: number
  readonly repeatedJobs: number
  readonly repeatedPercent: number
  readonly rescues: number
  /** Jobs set aside after crashes that were meant to crash, and others that only ran beside. */
  readonly quarantined: { readonly guilty: number; readonly innocent: number }
  readonly unknownOutcomes: number
  readonly storeErrors: number
  readonly recoverySameHost: Recovery
  readonly recoveryElsewhere: Recovery
  /** The same, of jobs that had been in a crash just before: they wait for each other, so that the next one tells whose it is. */
  readonly recoveryOfSuspects: Recovery
  /** Kills on the terms of another machine after which at least one job ran again, whether it was a suspect or not. */
  readonly remoteKills: number
  /** The slowest of each kind. */
  readonly slowest: readonly Recovered[]
  /** Recoveries that are left out above, because the database was away meanwhile. */
  readonly recoveriesDisturbed: number
}

/** Counts it. */
export function figuresOf(evidence: Evidence, histories: Histories): Figures {
  const { lines, exits, incidents, effects, workload, retried } = evidence
  const jobs = [...histories.jobs.values()]
  const counted = new Map<string, number>()
  for (const { job } of effects) counted.set(job, (counted.get(job) ?? 0) + 1)
  const effectJobs = workload.filter(({ name }) => name === 'work.effect').map(({ id }) => id)
  const crashes = lines.filter(({ kind }) => kind === 'crash')
  const killsByKind = countBy([
    ...incidents
      .filter(({ type, target }) => type === 'kill' && !target.startsWith('remote'))
      .map(() => 'at a random moment'),
    ...incidents
      .filter(({ type, target }) => type === 'kill' && target.startsWith('remote'))
      .map(() => 'at a random moment, as on another machine'),
    ...incidents.filter(({ type }) => type === 'kill-producer').map(() => 'of the producer'),
    ...exits.filter(({ cause, signal }) => cause === 'term-kill' && signal === 'SIGKILL').map(() => 'during a stop'),
    ...crashes.map(({ point }) => `at the point ${point}`),
  ])
  const startsInClaims = executionsOf(evidence, histories)
  const cutOff = startsInClaims.filter(({ claim }) => claim.end === 'rescued' || claim.end === 'set-aside')
  const recovery = recoveriesOf(evidence, histories)
  return {
    jobs: jobs.length,
    completed: jobs.filter(({ state, ended }) => ended === 1 && state === 'completed').length,
    failed: jobs.filter(({ state, ended }) => ended === 1 && state === 'failed').length,
    lost: workload.filter(({ id }) => isLost(histories, id)).length,
    effects: {
      jobs: effectJobs.length,
      missing: effectJobs.filter((id) => !counted.has(id)).length,
      doubled: effectJobs.filter((id) => (counted.get(id) ?? 0) > 1).length,
    },
    kill9: Object.values(killsByKind).reduce((sum, count) => sum + count, 0),
    killsByKind,
    faultsByKind: countBy(
      [
        ...incidents.map(({ type, target }) => (type === 'network' ? `network: ${target}` : type)),
        ...lines
          .filter(({ kind }) => kind === 'abort')
          .map(({ slot }) => (slot.startsWith('bomb') ? 'memory bomb' : 'process.abort() in a job')),
      ].filter((type) => !['kill', 'kill-producer', 'term-kill'].includes(type)),
    ),
    zombies: zombiesOf(evidence, histories),
    staleRefused: lines.filter(({ kind, code }) => kind === 'stale' || (kind === 'threw' && code === 'ERR_STALE_LEASE'))
      .length,
    blocked: blockedOf(evidence),
    executions: lines.filter(({ kind }) => kind === 'start').length,
    cutOff: cutOff.length,
    repeatedJobs: new Set(cutOff.map(({ claim }) => claim.job)).size,
    repeatedPercent: (100 * new Set(cutOff.map(({ claim }) => claim.job)).size) / Math.max(1, jobs.length),
    rescues: lines.filter(({ kind }) => kind === 'rescue').length,
    quarantined: {
      guilty: jobs.filter(({ name, state }) => state === 'failed' && (name === 'work.poison' || name === 'work.bomb'))
        .length,
      innocent: retried.length,
    },
    unknownOutcomes: lines.filter(({ kind }) => kind === 'unconfirmed').length,
    storeErrors: lines.filter(({ kind }) => kind === 'store-error').length,
    ...recovery,
  }
}

function isLost({ jobs }: Histories, id: string): boolean {
  const job = jobs.get(id)
  return job === undefined || job.living + job.ended === 0
}

/** Every start, with the claim that it belongs to. */
function executionsOf({ lines }: Evidence, { jobs }: Histories): { readonly at: number; readonly claim: Claim }[] {
  return lines.flatMap(({ kind, job, pid, at }) => {
    if (kind !== 'start' || job === undefined) return []
    // The claim was made before the start; the clocks of two processes agree to a few milliseconds.
    const claim = jobs.get(job)?.claims.findLast((one) => one.pid === pid && one.at <= at + 50)
    return claim === undefined ? [] : [{ at, claim }]
  })
}

function zombiesOf({ sleeps, exits }: Evidence, { nodes }: Histories): number {
  return sleeps.filter(({ pid, from, until }) => {
    const isAwake = !exits.some((exit) => exit.pid === pid && exit.at <= until)
    return (
      isAwake &&
      [...nodes.values()].some(
        (node) => node.pid === pid && node.deadAt !== undefined && node.deadAt >= from && node.deadAt <= until + 1_000,
      )
    )
  }).length
}

function blockedOf({ lines }: Evidence): number {
  const begun = lines.filter(({ kind, name }) => kind === 'start' && name === 'work.block')
  const ended = lines.filter(({ kind, job }) => kind === 'end' && begun.some((start) => start.job === job))
  return begun.length === ended.length ? ended.length : 0
}

function recoveriesOf(
  { exits, lines, incidents }: Evidence,
  { jobs }: Histories,
): Pick<
  Figures,
  'recoverySameHost' | 'recoveryElsewhere' | 'recoveryOfSuspects' | 'remoteKills' | 'slowest' | 'recoveriesDisturbed'
> {
  const crashedAt = new Map(lines.flatMap(({ kind, pid, at }) => (kind === 'crash' ? [[pid, at] as const] : [])))
  const kills = new Map(
    exits
      .filter(({ signal }) => signal === 'SIGKILL')
      .map(({ pid, slot, at, sentAt }) => [pid, { slot, pid, at: crashedAt.get(pid) ?? sentAt ?? at }]),
  )
  const starts = new Map<string, number[]>()
  for (const { kind, job, at } of lines) {
    if (kind !== 'start' || job === undefined) continue
    const times = starts.get(job)
    if (times === undefined) starts.set(job, [at])
    else times.push(at)
  }
  const outages = incidents.filter(({ type }) => type === 'kill-database')
  const recovered: (Recovered & { readonly kill: number })[] = []
  let disturbed = 0
  for (const { id, name, claims } of jobs.values()) {
    for (const [index, { end, pid, crashes, until }] of claims.entries()) {
      const kill = end === 'rescued' && pid !== undefined ? kills.get(pid) : undefined
      const next = kill === undefined ? undefined : starts.get(id)?.find((at) => at >= kill.at)
      if (kill === undefined || next === undefined) continue
      // Claimed in time by a process that was killed in turn before it began: that is another recovery.
      const nextClaim = claims[index + 1]
      if ((nextClaim?.until ?? Infinity) < next) continue
      if (outages.some((outage) => outage.at <= next && outage.until + 1_000 >= kill.at)) {
        disturbed += 1
        continue
      }
      recovered.push({
        job: id,
        name,
        slot: kill.slot,
        kill: kill.pid,
        crashes,
        freedMs: Math.round(until - kill.at),
        claimedMs: Math.round((nextClaim?.at ?? next) - kill.at),
        startedMs: next - kill.at,
      })
    }
  }
  const isRemote = ({ slot }: Recovered): boolean => slot.startsWith('remote')
  const isFresh = ({ crashes }: Recovered): boolean => crashes === 0
  const same = recovered.filter((one) => isFresh(one) && !isRemote(one))
  const elsewhere = recovered.filter((one) => isFresh(one) && isRemote(one))
  const suspects = recovered.filter((one) => !isFresh(one))
  return {
    recoverySameHost: recovery(same),
    recoveryElsewhere: recovery(elsewhere),
    recoveryOfSuspects: recovery(suspects),
    remoteKills: new Set(recovered.filter(isRemote).map(({ kill }) => kill)).size,
    slowest: [same, elsewhere, suspects].flatMap((kind) =>
      kind.toSorted((a, b) => b.startedMs - a.startedMs).slice(0, 10),
    ),
    recoveriesDisturbed: disturbed,
  }
}

function recovery(recovered: readonly (Recovered & { readonly kill: number })[]): Recovery {
  const sorted = recovered.map(({ startedMs }) => startedMs).toSorted((a, b) => a - b)
  const at = (share: number): number | null =>
    sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? null
  const kills = new Set(recovered.map(({ kill }) => kill))
  return { kills: kills.size, jobs: sorted.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) }
}

function countBy(names: readonly string[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const name of names.toSorted()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
