/**
 * The stage benchmark. Round by round, cell by cell, every contender once, so that those that are compared lie side by side in
 * time. The report is written at the end of each round.
 */

import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { promisify } from 'node:util'

import { describeMachine, loadText } from '../report/machine.ts'
import { numberText, QUICK_WARNING, type Surroundings } from '../report/markdown.ts'
import type { RunResult } from '../report/results.ts'
import { readStageArguments, USAGE, type StageBenchArguments } from './arguments.ts'
import { labelOf, type Cell } from './cell.ts'
import type { Absent, Competitor, Program } from './competitor.ts'
import { genStage, genStageNames } from './genstage.ts'
import { stageReportMarkdown, stageTablesMarkdown, type StageResults } from './markdown.ts'
import { nodeLibrary, nodeLibraryNames } from './node-library.ts'
import { PER_CPU_SECOND, targetsOf } from './targets.ts'

/** About how much processor time each measured run takes. */
const CPU_MS = 1_500
const QUICK_CPU_MS = 150
const RUN_LIMIT_MS = 120_000

const execute = promisify(execFile)
const [ours, ...libraries] = nodeLibraryNames
const contenderNames = [ours, ...genStageNames, ...libraries]

await main()

async function main(): Promise<void> {
  let args: StageBenchArguments
  try {
    args = readStageArguments(process.argv.slice(2), contenderNames)
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  if (args.isQuick) console.log(QUICK_WARNING)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const machine = describeMachine()
  const at = new Date().toISOString()
  const { competitors, absent } = await gather(args)
  const runs: RunResult[] = []
  const missing = new Map<string, StageResults['missing'][number]>()
  const results = (): StageResults => ({
    cells: args.cells,
    contenders: args.contenders,
    runs,
    absent,
    missing: [...missing.values()],
  })
  for (let round = 1; round <= args.rounds; round++) {
    for (const cell of args.cells) {
      const label = labelOf(cell)
      for (const competitor of competitors) {
        const { name: contender } = competitor
        try {
          const perCpuSecond = await measure(competitor, cell, args)
          runs.push({ variant: label, contender, round, figures: { [PER_CPU_SECOND]: perCpuSecond } })
          console.log(`${round}/${args.rounds} · ${label} · ${contender}: ${numberText(perCpuSecond, 0)} events/CPU s`)
        } catch (error) {
          missing.set(`${label} ${contender}`, { contender, cell: label, reason: messageOf(error) })
          if (round === 1) console.log(`${round}/${args.rounds} · ${label} · ${contender}: ${messageOf(error)}`)
        }
      }
    }
    write(args, { at, rounds: round, machine, competitors }, results())
  }
  console.log(`\n${stageTablesMarkdown(results())}`)
}

/** Everybody who was asked for and is here. */
async function gather(
  args: StageBenchArguments,
): Promise<{ readonly competitors: readonly Competitor[]; readonly absent: readonly Absent[] }> {
  const absent: Absent[] = []
  const wanted = genStageNames.filter((name) => args.contenders.includes(name))
  const onBeam =
    wanted.length === 0
      ? []
      : await genStage(args.genStage).catch((error: unknown) => {
          absent.push(...wanted.map((name) => ({ name, reason: messageOf(error) })))
          return []
        })
  const inNode = await Promise.all(
    nodeLibraryNames.filter((name) => args.contenders.includes(name)).map((name) => nodeLibrary(name)),
  )
  const all = [...inNode, ...onBeam]
  return { competitors: args.contenders.flatMap((name) => all.find((one) => one.name === name) ?? []), absent }
}

/** Events per CPU second of one run. */
async function measure(competitor: Competitor, cell: Cell, args: StageBenchArguments): Promise<number> {
  const reason = competitor.cannot[cell.topology.name]
  if (reason !== undefined) throw new Error(reason)
  const { events, cpuMs } = await run(
    competitor.program(cell, {
      cpuMs: args.isQuick ? QUICK_CPU_MS : CPU_MS,
      profiles: args.isProfiled ? join(args.out, 'profiles') : undefined,
    }),
  )
  return (events / cpuMs) * 1_000
}

async function run({ file, args }: Program): Promise<{ readonly events: number; readonly cpuMs: number }> {
  const { stdout } = await execute(file, [...args], { timeout: RUN_LIMIT_MS, killSignal: 'SIGKILL' })
  // The last line is the result, by the contract of a competitor.
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as { events: number; cpuMs: number }
}

function write(
  args: StageBenchArguments,
  about: Pick<Surroundings, 'at' | 'rounds' | 'machine'> & { readonly competitors: readonly Competitor[] },
  results: StageResults,
): void {
  const { at, rounds, machine, competitors } = about
  const surroundings: Surroundings = {
    at,
    isQuick: args.isQuick,
    rounds,
    machine: { ...machine, 'load at the end': loadText() },
    servers: [],
    contenders: competitors.map(({ name, versions, settings }) => ({ name, versions, settings })),
  }
  const targets = targetsOf(results.cells, results.runs)
  mkdirSync(args.out, { recursive: true })
  const name = join(args.out, `${at.slice(0, 16).replace(':', '')}-stages`)
  writeFileSync(`${name}.md`, stageReportMarkdown(surroundings, results))
  writeFileSync(`${name}.json`, `${JSON.stringify({ ...surroundings, targets, ...results }, null, 2)}\n`)
  console.log(`written: ${name}.md and .json`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
