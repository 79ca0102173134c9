/** The report of a run: a page of Markdown for people, and the same as JSON. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

import type { Judgement } from './audit/audit.ts'
import type { Recovery } from './audit/figures.ts'
import { INVARIANTS } from './audit/violations.ts'
import type { Evidence } from './run.ts'

/** What a run came to. */
export interface ChaosReport extends Judgement {
  readonly at: string
  readonly commit: string
  readonly machine: string
  readonly profile: string
  readonly store: string
  readonly description: string
  readonly seed: number
  readonly seconds: { readonly chaos: number; readonly drain: number; readonly all: number }
  readonly isPassed: boolean
}

/** Makes the report of a run. */
export function reportOf(evidence: Evidence, judgement: Judgement): ChaosReport {
  return {
    at: new Date().toISOString(),
    commit: commit(),
    machine: `${cpus().length} cores, Node ${process.versions.node}`,
    profile: evidence.profile.name,
    store: evidence.store,
    description: evidence.description,
    seed: evidence.seed,
    seconds: {
      chaos: evidence.profile.chaosMs / 1_000,
      drain: Math.round(evidence.drainMs / 1_000),
      all: Math.round(evidence.tookMs / 1_000),
    },
    ...judgement,
    isPassed: [judgement.violations, judgement.tooLittle, judgement.tooSlow].every(({ length }) => length === 0),
  }
}

/** Writes both forms into the folder; answers the path of the page. */
export function writeReport(report: ChaosReport, folder: string): string {
  mkdirSync(folder, { recursive: true })
  const name = join(folder, `chaos-${report.profile}-${report.store}`)
  writeFileSync(`${name}.json`, `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(`${name}.md`, markdownOf(report))
  return `${name}.md`
}

/** The page. */
export function markdownOf(report: ChaosReport): string {
  const { figures, seconds, violations } = report
  const { effects } = figures
  const rows: readonly (readonly [string, string | number])[] = [
    ['jobs', `${figures.jobs}: ${figures.completed} completed, ${figures.failed} failed as they were meant to`],
    ['**lost**', figures.lost],
    [
      'effects inside `complete(tx)`',
      `${effects.jobs} jobs, **${effects.missing} missing, ${effects.doubled} doubled**`,
    ],
    ['`kill -9`', figures.kill9],
    ['zombies: stopped beyond the lease, declared dead, woken', figures.zombies],
    ['late results of stale workers refused', figures.staleRefused],
    ['handlers that blocked the event loop beyond the lease', `${figures.blocked}, none of them rescued or run twice`],
    [
      'attempts that a crash cut off',
      `${figures.cutOff}, of ${figures.repeatedJobs} jobs (${figures.repeatedPercent.toFixed(1)} %), which ran again`,
    ],
    ['recovery, from the kill to the next start of the same job, same host', recoveryText(figures.recoverySameHost)],
    ['the same on the terms of another machine', recoveryText(figures.recoveryElsewhere)],
    [
      'the same of jobs that had been in a crash just before, and therefore wait for each other',
      recoveryText(figures.recoveryOfSuspects),
    ],
    ['recoveries not counted, because the database was down meanwhile', figures.recoveriesDisturbed],
    [
      'jobs set aside after three crashes',
      `${figures.quarantined.guilty} that crash their process; ${figures.quarantined.innocent} others, which an operator retried`,
    ],
    ['enqueues whose outcome was unknown, repeated with the same id', figures.unknownOutcomes],
    ['drained after the last fault', `${seconds.drain} s`],
  ]
  return [
    `# Chaos, ${report.profile}, ${report.store}: ${report.isPassed ? 'passed' : 'FAILED'}`,
    '',
    `\`npm run chaos -- --profile ${report.profile} --store ${report.store} --seed ${report.seed}\` at ${report.commit}, ${report.at.slice(0, 16).replace('T', ' ')} UTC; ${seconds.chaos} s of faults.`,
    `${report.description}; ${report.machine}. Leases, beats and retries as shipped.`,
    '',
    '| what | figure |',
    '| --- | --- |',
    ...rows.map(([what, figure]) => `| ${what} | ${figure} |`),
    '',
    '| `kill -9` | times |',
    '| --- | --- |',
    ...Object.entries(figures.killsByKind).map(([kind, count]) => `| ${kind} | ${count} |`),
    '',
    '| other faults | times |',
    '| --- | --- |',
    ...Object.entries(figures.faultsByKind).map(([kind, count]) => `| ${kind} | ${count} |`),
    '',
    '| promise | broken |',
    '| --- | --- |',
    ...Object.entries(INVARIANTS).map(
      ([id, text]) => `| ${id} ${text} | ${violations.filter(({ invariant }) => invariant === id).length} |`,
    ),
    ...report.tooSlow.map((problem) => `\nToo slow: ${problem}.`),
    ...report.tooLittle.map((problem) => `\nThe run proves too little: ${problem}.`),
    ...violations.slice(0, 50).map(({ invariant, subject, message }) => `\n- ${invariant}, ${subject}: ${message}`),
    '',
  ].join('\n')
}

function recoveryText({ kills, jobs, p50Ms, p99Ms, maxMs }: Recovery): string {
  if (p50Ms === null || p99Ms === null || maxMs === null) return 'nothing to recover'
  const text = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`
  return `p50 ${text(p50Ms)}, p99 ${text(p99Ms)}, at most ${text(maxMs)}; ${jobs} jobs of ${kills} kills`
}

function commit(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return 'an unknown commit'
  }
}
