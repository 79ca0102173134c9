/**
 * The benchmark, on the Node that all contenders share. For each scenario: round by round, variant by variant, every contender
 * once, so that those that are compared lie side by side in time. The report is written after each scenario.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'

import { readArguments, USAGE, type BenchArguments } from './arguments.ts'
import { Child } from './child/child.ts'
import type { Contender, StoreKind } from './contender.ts'
import { contenderNames, loadContender } from './contenders.ts'
import { describeMachine, loadText, versionOf } from './report/machine.ts'
import { numberText, QUICK_WARNING, reportMarkdown, scenarioMarkdown, type Surroundings } from './report/markdown.ts'
import type { NotMeasured, RunResult, ScenarioResult } from './report/results.ts'
import type { Figures, Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'
import { PostgresServer } from './servers/postgres.ts'
import { RedisServer } from './servers/redis.ts'
import type { Server } from './servers/server.ts'
import { SqliteFolder } from './servers/sqlite.ts'

/** No run of a quick benchmark starts later than this; the longest takes about ten seconds. Scenarios get shares of it by their runs. */
const QUICK_BUDGET_MS = 160_000

const START: Readonly<Record<StoreKind, () => Promise<Server>>> = {
  postgres: () => PostgresServer.start(),
  redis: () => RedisServer.start(),
  sqlite: () => Promise.resolve(new SqliteFolder()),
}

const startedAt = performance.now()
const servers = new Map<StoreKind, Server | Error>()
const loaded = new Map<string, Contender | Error>()

await main()

async function main(): Promise<void> {
  let args: BenchArguments
  try {
    args = readArguments(process.argv.slice(2), {
      scenarios: scenarios.map(({ name }) => name),
      contenders: contenderNames,
    })
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  if (args.isQuick) console.log(QUICK_WARNING)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const machine = describeMachine()
  const at = new Date().toISOString()
  const results: ScenarioResult[] = []
  try {
    const chosen = scenarios.filter(({ name }) => args.scenarios.includes(name))
    for (const [index, scenario] of chosen.entries()) {
      const result = await measureScenario(scenario, args, deadlineOf(chosen.slice(index), args))
      results.push(result)
      console.log(`\n${scenarioMarkdown(scenario, result)}\n`)
      write(args, surroundings(args, at, machine), results)
    }
  } finally {
    for (const server of servers.values()) if (!(server instanceof Error)) await server.stop()
  }
  console.log(`took ${numberText((performance.now() - startedAt) / 1_000, 0)} s`)
}

/** When the last run of the first of these scenarios may start, so that all get their share of the time that is left. */
function deadlineOf(left: readonly Scenario[], args: BenchArguments): number {
  if (!args.isQuick) return Infinity
  const runs = left.map((scenario) => scenario.variants(true).length * namesIn(scenario, args).length)
  const share = (runs[0] ?? 0) / runs.reduce((sum, count) => sum + count, 0)
  return performance.now() + (startedAt + QUICK_BUDGET_MS - performance.now()) * share
}

function namesIn({ contenders }: Scenario, args: BenchArguments): readonly string[] {
  return contenders.filter((name) => args.contenders.includes(name))
}

async function measureScenario(scenario: Scenario, args: BenchArguments, deadline: number): Promise<ScenarioResult> {
  const names = namesIn(scenario, args)
  const runs: RunResult[] = []
  const notMeasured = new Map<string, NotMeasured>()
  for (let round = 1; round <= args.rounds; round += 1) {
    for (const variant of scenario.variants(args.isQuick)) {
      for (const contender of names) {
        const label = `${scenario.name} ${round}/${args.rounds} · ${variant} · ${contender}`
        try {
          if (performance.now() > deadline) throw new Error("its share of a quick run's time was used up")
          const figures = await measureOnce(scenario, args, { contender, variant })
          runs.push({ variant, contender, round, figures })
          console.log(`${label}: ${progressText(scenario, figures)}`)
        } catch (error) {
          const reason = `${messageOf(error)}${args.rounds === 1 ? '' : ` (round ${round})`}`
          notMeasured.set(`${variant} ${contender}`, { variant, contender, reason })
          console.log(`${label}: not measured: ${reason}`)
        }
      }
    }
  }
  return { scenario: scenario.name, runs, notMeasured: [...notMeasured.values()] }
}

async function measureOnce(
  scenario: Scenario,
  { isQuick, isProfiled, out }: BenchArguments,
  { contender: name, variant }: { readonly contender: string; readonly variant: string },
): Promise<Figures> {
  const contender = await once(loaded, name, () => loadContender(name))
  const server = await once(servers, contender.store, START[contender.store])
  const place = await server.freshPlace()
  const children: Child[] = []
  const profiles = isProfiled
    ? join(out, 'profiles', `${scenario.name}-${variant}-${name}`.replaceAll(/[^\w.]+/g, '-'))
    : undefined
  const spawn = async () => {
    const child = await Child.start(name, place.url, profiles)
    children.push(child)
    return child
  }
  try {
    return await scenario.measure({ contender, variant, isQuick, server, place, spawn })
  } finally {
    await Promise.all(children.map((child) => child.end()))
    await place.drop()
  }
}

/** Makes it at the first call; a failure is remembered too. */
async function once<Key, Value>(made: Map<Key, Value | Error>, key: Key, make: () => Promise<Value>): Promise<Value> {
  const before = made.get(key)
  const value = before ?? (await make().catch((error: unknown) => new Error(messageOf(error))))
  made.set(key, value)
  if (value instanceof Error) throw value
  return value
}

function progressText({ columns }: Scenario, figures: Figures): string {
  return columns
    .flatMap(({ key, title, digits = 0 }) => {
      const value = figures[key]
      return value === undefined ? [] : `${numberText(value, digits)} ${title}`
    })
    .join(', ')
}

function surroundings(args: BenchArguments, at: string, machine: Record<string, string>): Surroundings {
  const ran = [...loaded.values()].flatMap((contender) => (contender instanceof Error ? [] : contender))
  return {
    at,
    isQuick: args.isQuick,
    rounds: args.rounds,
    machine: { ...machine, 'load at the end': loadText() },
    servers: [...servers.values()].flatMap((server) => (server instanceof Error ? [] : server.description)),
    contenders: ran.map(({ name, packages, settings }) => ({
      name,
      settings,
      versions: packages.map((packageName) => `${packageName} ${versionOf(packageName)}`),
    })),
  }
}

function write(args: BenchArguments, about: Surroundings, results: readonly ScenarioResult[]): void {
  mkdirSync(args.out, { recursive: true })
  const name = join(args.out, about.at.slice(0, 16).replace(':', ''))
  writeFileSync(`${name}.md`, reportMarkdown(about, scenarios, results))
  writeFileSync(`${name}.json`, `${JSON.stringify({ ...about, scenarios: results }, null, 2)}\n`)
  console.log(`written: ${name}.md and .json`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
