/**
 * The soak run: two worker nodes under a steady load, scenes in which something goes wrong one after the other, and at the end
 * the same figures from every source that tells them. It exits with code 1 when a check failed.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

import { describeMachine, loadText } from '../report/machine.ts'
import { readArguments, USAGE, type SoakArguments } from './arguments.ts'
import { compare, type Comparison } from './figures/agreement.ts'
import { apiSource } from './figures/api.ts'
import { figuresOfEvents } from './figures/events.ts'
import type { FiguresSource, Reading } from './figures/figures.ts'
import { openTelemetrySource } from './figures/open-telemetry.ts'
import { prometheusSource } from './figures/prometheus.ts'
import { figuresMarkdown, soakMarkdown, type SoakRun } from './report.ts'
import { breakerScene } from './scenes/breaker.ts'
import { burstScene, checkScaledDown } from './scenes/burst.ts'
import { killScene } from './scenes/kill.ts'
import { poisonScene } from './scenes/poison.ts'
import type { Scene } from './scenes/scene.ts'
import { countsOf } from './timeline.ts'
import { World } from './world.ts'

const SCENES: readonly Scene[] = [breakerScene, burstScene, poisonScene, killScene]
const NODES = 2
/** `queue:depth` comes every five seconds. */
const DEPTH_EVERY_MS = 6_000
/** How many jobs a node runs at a time, over all queues. */
const MOST_AT_A_TIME = 20
const QUEUES = ['background', 'payments', 'burst', 'imports', 'orders'] as const

await main()

async function main(): Promise<void> {
  let args: SoakArguments
  try {
    args = readArguments(process.argv.slice(2))
  } catch (error) {
    console.error(`${messageOf(error)}\n${USAGE}`)
    process.exitCode = 2
    return
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
  const machine = describeMachine()
  const world = await World.start()
  let comparisons: readonly Comparison[] = []
  const sources = [
    apiSource(world.runner, () => world.nodes),
    prometheusSource(() => world.nodes, world.parentMetrics),
    openTelemetrySource(() => world.nodes, world.parentPoints),
  ]
  try {
    await play(world, args.minutes)
    comparisons = await readAndCompare(world, sources)
  } catch (error) {
    world.checks.that('the run comes to its end', false, messageOf(error))
  } finally {
    await world.end()
  }
  const run: SoakRun = {
    at: new Date(world.startedAt).toISOString(),
    minutes: args.minutes,
    tookMs: Date.now() - world.startedAt,
    machine: { ...machine, 'load at the end': loadText() },
    server: world.serverText,
    sources: sources.map(({ name }) => name),
    scrapes: Object.fromEntries(world.nodes.map(({ name, scrapes }) => [name, scrapes])),
    checks: world.checks.all,
    comparisons,
    counted: countsOf(world.events),
    timeline: world.timeline,
  }
  console.log(`\n${figuresMarkdown(comparisons, run.sources)}\n`)
  write(args, run)
  for (const { name, seen } of world.checks.failed) console.error(`failed: ${name}: ${seen}`)
  process.exitCode = world.checks.failed.length > 0 ? 1 : 0
}

/** Plays the scenes over the steady load, each in its share of the time, and waits until all has ended. */
async function play(world: World, minutes: number): Promise<void> {
  for (let count = 0; count < NODES; count += 1) await world.startNode()
  world.beginLoad()
  const beganAt = performance.now()
  for (const [index, scene] of SCENES.entries()) {
    world.say(`— ${scene.title} —`)
    try {
      await scene.play(world)
    } catch (error) {
      world.checks.that(`the scene "${scene.title}" comes to its end`, false, messageOf(error))
    }
    const share = (minutes * 60_000 * (index + 1)) / SCENES.length
    await sleep(Math.max(0, beganAt + share - performance.now()))
  }
  world.say('— the end —')
  await world.endLoad()
  await checkScaledDown(world)
  let jobs = 0
  for (const queue of QUEUES) jobs += await world.completed(queue, 60_000)
  const enqueued = world.heard('job:enqueue').length
  world.checks.that(
    'nothing is lost: all that was enqueued is completed',
    jobs === enqueued,
    `${jobs} of ${enqueued} jobs`,
  )
}

/** Reads all sources, those of living nodes first, and holds them against the events. */
async function readAndCompare(world: World, sources: readonly FiguresSource[]): Promise<readonly Comparison[]> {
  await sleep(DEPTH_EVERY_MS)
  world.endScrapes()
  const readings = new Map<string, Reading>()
  const read = async (when: FiguresSource['when']) => {
    for (const source of sources) if (source.when === when) readings.set(source.name, await source.read())
  }
  await read('nodes-live')
  for (const node of world.living) {
    world.checks.that(`node ${node.name} ends in good order`, await node.close(), `pid ${node.pid}`)
  }
  await read('nodes-ended')
  world.checks.that(
    'every scrape is answered',
    world.scrapeErrors.length === 0,
    `${world.scrapeErrors[0] ?? 'all were'}`,
  )
  checkUntold(world)
  const events = figuresOfEvents(world.events, world.retried)
  const comparisons = sources.flatMap(({ name }) => {
    const reading = readings.get(name)
    return reading === undefined ? [] : compare(events, reading)
  })
  for (const { name } of sources) {
    const own = comparisons.filter(({ source }) => source === name)
    const wrong = own.filter(({ agrees }) => !agrees)
    const shown = wrong.map(({ of, figure, told, events: heard }) => `${of} ${figure}: ${told}, by events ${heard}`)
    const seen = wrong.length === 0 ? `${own.length} figures` : shown.join('; ')
    world.checks.that(`${name} agrees with the events`, own.length > 0 && wrong.length === 0, seen)
  }
  return comparisons
}

/** What was stored and not told: only by a node that was killed between the two, and no more than it ran at a time. */
function checkUntold(world: World): void {
  const enqueued = world.heard('job:enqueue').length
  const completed = world.heard('job:stop').filter(({ payload }) => payload.outcome === 'completed').length
  world.checks.that(
    'a killed node leaves untold only what it was about to tell',
    completed <= enqueued &&
      enqueued - completed <= MOST_AT_A_TIME * world.nodes.filter(({ killedAt }) => killedAt !== null).length,
    `${enqueued - completed} of ${enqueued} completions are stored and were not told`,
  )
}

function write({ out }: SoakArguments, run: SoakRun): void {
  mkdirSync(out, { recursive: true })
  const name = join(out, `${run.at.slice(0, 16).replace(':', '')}-soak`)
  writeFileSync(`${name}.md`, soakMarkdown(run))
  writeFileSync(`${name}.json`, `${JSON.stringify(run, null, 2)}\n`)
  console.log(`written: ${name}.md and .json`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
