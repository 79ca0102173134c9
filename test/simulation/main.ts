/**
 * Many simulations, one seed after the other: `npm run simulate -- --seeds 5000 [--seed N]`. Prints what was done to them; of the
 * first that fails the seed, the invariant and all that happened, and ends with code 1. `--seed` is the first seed; alone, it
 * runs that one and prints it whole.
 */

import { parseArgs } from 'node:util'

import { simulate, type SimulationReport } from './simulate.ts'

const { values } = parseArgs({ options: { seeds: { type: 'string' }, seed: { type: 'string' } } })
const first = wholeNumber('seed', values.seed ?? '1')
const count = wholeNumber('seeds', values.seeds ?? (values.seed === undefined ? '300' : '1'))

const startedAt = performance.now()
const sums: Record<string, number> = {}
let simulatedMs = 0
let done = 0
for (let seed = first; seed < first + count; seed++) {
  const report = await simulate(seed)
  done += 1
  simulatedMs += report.simulatedMs
  for (const part of [report.faults, report.counts, { jobs: report.jobs }]) {
    for (const [what, times] of Object.entries(part)) sums[what] = (sums[what] ?? 0) + times
  }
  if (report.violation !== undefined || count === 1) print(report)
  if (report.violation !== undefined) {
    process.exitCode = 1
    break
  }
}
const tookS = (performance.now() - startedAt) / 1_000
process.stdout.write(
  [
    `${done} seeds from ${first} in ${tookS.toFixed(1)} s: ${(done / tookS).toFixed(1)} a second, ${(simulatedMs / 3_600_000).toFixed(2)} hours of simulated time`,
    ...Object.entries(sums).map(([what, times]) => `  ${what}: ${times}`),
    '',
  ].join('\n'),
)

function print({ seed, violation, log }: SimulationReport): void {
  process.stdout.write(`${log.join('\n')}\n`)
  if (violation === undefined) return
  process.stdout.write(`\nseed ${seed} breaks ${violation.message}\nagain: npm run simulate -- --seed ${seed}\n\n`)
}

function wholeNumber(option: string, text: string): number {
  const number = Number(text)
  if (Number.isSafeInteger(number) && number >= 0) return number
  throw new Error(`option --${option} is ${JSON.stringify(text)}; it must be a whole number`)
}
