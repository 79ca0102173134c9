/**
 * One cell of one contender, in a process of its own. Arguments: contender, topology, max demand, milliseconds of processor time
 * to measure. Runs that double warm it up; the run that is measured is as long as the last of them says. Prints a line of JSON.
 */

import process from 'node:process'

import { topologies } from './cell.ts'
import { Tally, type StreamContender } from './contender.ts'

const FIRST_EVENTS = 1_000
/** The counting stays within 31 bits. */
const MOST_EVENTS = 1_000_000_000
/** How much of the measured time is spent on the last run of the warm-up, at least. */
const WARM_UP = 0.3

const [name = '', topologyName = '', maxDemandText = '', cpuMsText = ''] = process.argv.slice(2)
const maxDemand = Number(maxDemandText)
const wantedMs = Number(cpuMsText)
// Every module in contenders/ exports a contender.
const { contender } = (await import(`./contenders/${name}.mjs`)) as { contender: StreamContender }
const topology = topologies.find((one) => one.name === topologyName)
if (topology === undefined) throw new Error(`there is no topology "${topologyName}"`)

let events = FIRST_EVENTS
let cpuMs = await run(events)
while (cpuMs < wantedMs * WARM_UP && events < MOST_EVENTS) {
  events = Math.min(events * 2, MOST_EVENTS)
  cpuMs = await run(events)
}
events = Math.min(MOST_EVENTS, Math.round((events * wantedMs) / cpuMs))
console.log(JSON.stringify({ events, cpuMs: await run(events) }))

/** Processor time of all threads of this process: what collects garbage and compiles counts too. */
async function run(count: number): Promise<number> {
  const tally = new Tally()
  const before = process.cpuUsage()
  // The type of a module-level const is not narrowed in here.
  await contender.run(topology as NonNullable<typeof topology>, maxDemand, count, tally)
  const { user, system } = process.cpuUsage(before)
  tally.check(count, topology?.steps ?? 0)
  return (user + system) / 1_000
}
