/**
 * One job and the processes around it: everything that can happen, one step at a time, with all the ways in which processes
 * and the database fail. Pure.
 *
 * A process can die, and it can be silent for so long that it is taken for dead while it goes on (a zombie). An answer can get
 * lost on the way, so that a write is sent again. The database can crash and take back a claim, which is not waited for on the
 * disk. Operators cancel and retry.
 */

import {
  ack,
  cancel,
  claim,
  giveBack,
  isEnded,
  markStarted,
  newRow,
  promote,
  rescue,
  retry,
  type Ending,
  type Fence,
  type Held,
  type Row,
} from './protocol.ts'

/** How claims get their leases: the protocol's are never used twice. */
export type Leases = 'random' | 'sequence'

/** What is searched. */
export interface Setting {
  readonly workers: number
  readonly fence: Fence
  readonly leases: Leases
  readonly maxAttempts: number
  /** How many claims of the job all workers may hold, or believe to hold, at a time. Histories may be of any length. */
  readonly mostHeld: number
  /** Whether the database may crash. */
  readonly hasDatabaseCrashes: boolean
  /** Whether what a dead worker held is rescued. Default: true. */
  readonly isRescued?: boolean
  /** A bound for leases that are numbers, which never end: so many claims in a history. */
  readonly mostClaims?: number
}

/** A job that a process holds. */
interface Holding extends Held {
  /** The number of the claim, which no fence knows. */
  readonly claim: number
  readonly phase: 'held' | 'running' | Ending
}

interface Worker {
  /** `fenced`: it was taken for dead, and does not know it yet. */
  readonly life: 'up' | 'fenced' | 'down'
  readonly holdings: readonly Holding[]
}

/** Everything there is at one moment. */
export interface World {
  readonly row: Row
  /** The claim that the row is really under, and the worker that made it. */
  readonly heldBy: { readonly claim: number; readonly worker: number } | null
  readonly workers: readonly Worker[]
  readonly claims: number
  /** The last lease of a sequence. */
  readonly sequence: number
  /** What the row was before a claim that is not on the disk yet. */
  readonly undo: { readonly row: Row; readonly sequence: number } | null
}

/** One thing that may happen, in words, and the world after it. */
export interface Step {
  readonly event: string
  readonly world: World
  /** A fault never has to happen: without any more of them every job must come to an end. */
  readonly isFault: boolean
  /** Set when the step has broken a rule. */
  readonly broken?: string
}

/** The world before anything has happened. */
export function firstWorld({ workers, maxAttempts }: Setting): World {
  return {
    row: newRow(maxAttempts),
    heldBy: null,
    workers: Array.from({ length: workers }, () => ({ life: 'up', holdings: [] })),
    claims: 0,
    sequence: 0,
    undo: null,
  }
}

/** All that may happen next. */
export function stepsOf(world: World, setting: Setting): readonly Step[] {
  const steps: Step[] = []
  const { row } = world
  if (row.state === 'scheduled')
    steps.push({ event: 'the job is due', world: { ...world, row: promote(row) }, isFault: false })
  operate(world, steps)
  if (world.undo !== null && setting.hasDatabaseCrashes) {
    steps.push({
      event: 'the database crashes, and the last claim was not on the disk',
      world: {
        ...world,
        ...world.undo,
        heldBy: null,
        undo: null,
      },
      isFault: true,
    })
  }
  world.workers.forEach((worker, index) => {
    live(world, setting, index, steps)
    if (worker.life === 'up' && row.state === 'queued' && mayClaim(world, setting)) {
      steps.push(claimBy(world, setting, worker, index))
    }
    worker.holdings.forEach((holding) => work(world, setting, index, holding, steps))
  })
  return steps
}

/** What people do. */
function operate(world: World, steps: Step[]): void {
  const cancelled = cancel(world.row)
  if (cancelled !== null) {
    steps.push({ event: 'an operator cancels the job', world: durable(world, cancelled), isFault: true })
  }
  const retried = retry(world.row)
  if (retried !== null) {
    const next = { ...durable(world, retried), heldBy: null }
    steps.push({ event: 'an operator retries the job', world: next, isFault: true })
  }
}

/** What becomes of a process. */
function live(world: World, { isRescued = true }: Setting, index: number, steps: Step[]): void {
  const worker = world.workers[index]
  if (worker === undefined) return
  const become = (life: Worker['life'], holdings: readonly Holding[] = worker.holdings): World => ({
    ...world,
    workers: world.workers.with(index, { life, holdings }),
  })
  const who = `worker ${index + 1}`
  if (worker.life !== 'down') {
    const event = `${who} is killed`
    // What a node held that was taken for dead before is free already, so another process may take its place.
    steps.push({ event, world: become(worker.life === 'fenced' ? 'up' : 'down', []), isFault: true })
  }
  if (worker.life === 'fenced') {
    const event = `${who} learns that it was taken for dead, and goes on as a new node`
    steps.push({ event, world: become('up'), isFault: false })
    return
  }
  if (!isRescued) {
    if (worker.life === 'down')
      steps.push({ event: `another process replaces ${who}`, world: become('up'), isFault: false })
    return
  }
  const isHeld = world.heldBy?.worker === index && world.row.state === 'running'
  const after = become(worker.life === 'down' ? 'up' : 'fenced')
  steps.push({
    event: `${who}${worker.life === 'up' ? ', which is only paused,' : ''} is taken for dead, and what it held is rescued`,
    world: isHeld ? { ...durable(after, rescue(world.row)), heldBy: null } : { ...after, undo: null },
    isFault: worker.life === 'up',
  })
}

function claimBy(world: World, { leases }: Setting, worker: Worker, index: number): Step {
  const number = world.claims + 1
  const sequence = world.sequence + 1
  const lease = String(leases === 'random' ? number : sequence)
  const row = claim(world.row, lease)
  const holding: Holding = { lease, attempt: row.attempt, claim: number, phase: 'held' }
  const tooMany = row.attempt > row.maxAttempts ? `attempt ${row.attempt} of ${row.maxAttempts}` : undefined
  const isUsedAgain = world.workers.some(({ holdings }) => holdings.some((other) => other.lease === lease))
  const broken = tooMany ?? (isUsedAgain ? 'one lease is held twice' : undefined)
  return {
    event: `worker ${index + 1} claims the job`,
    world: {
      ...world,
      row,
      heldBy: { claim: number, worker: index },
      claims: number,
      sequence,
      undo: { row: world.row, sequence: world.sequence },
      workers: world.workers.with(index, { ...worker, holdings: [...worker.holdings, holding] }),
    },
    isFault: false,
    ...(broken === undefined ? {} : { broken }),
  }
}

/** What a process does with a job that it holds, or believes to hold. */
function work(world: World, { fence }: Setting, index: number, holding: Holding, steps: Step[]): void {
  const who = `worker ${index + 1}`
  const { row, heldBy } = world
  const put = (into: World, next: Holding | null): World => {
    const worker = into.workers[index]
    if (worker === undefined) return into
    const holdings = worker.holdings.flatMap((other) => (other !== holding ? [other] : next === null ? [] : [next]))
    return { ...into, workers: into.workers.with(index, { ...worker, holdings }) }
  }
  const isForeign = heldBy?.claim !== holding.claim
  const write = (event: string, written: ReturnType<typeof ack>, after: Holding | null): void => {
    const isApplied = written.row !== row
    const broken = isApplied && isForeign ? 'a stale write changed the job' : undefined
    const next = isApplied
      ? { ...durable(world, written.row), heldBy: written.row.state === 'running' ? heldBy : null }
      : world
    const told = { isFault: false, ...(broken === undefined ? {} : { broken }) }
    steps.push({ event, world: put(next, after), ...told })
    if (isApplied && after === null) {
      steps.push({ event: `${event}, and the answer is lost`, world: put(next, holding), ...told, isFault: true })
    }
  }
  if (holding.phase === 'held') {
    write(`${who} hands the job back`, giveBack(row, holding, fence), null)
    if (row.crashes > 0 || holding.attempt >= row.maxAttempts) {
      // Its start is written down first, and a stale answer means that it does not begin.
      const marked = markStarted(row, holding, fence)
      write(
        `${who} writes the start down and begins`,
        marked,
        marked.answer === 'stale' ? null : { ...holding, phase: 'running' },
      )
    } else {
      steps.push({ event: `${who} begins`, world: put(world, { ...holding, phase: 'running' }), isFault: false })
    }
    return
  }
  if (holding.phase === 'running') {
    if (!row.isStarted) write(`${who} writes down that the job runs`, markStarted(row, holding, fence), holding)
    for (const ending of ['completed', 'failed', 'retry', 'snoozed'] as const) {
      // Policy of the worker: what has attempts left is retried, what has none fails.
      if (ending === 'retry' && holding.attempt >= row.maxAttempts) continue
      if (ending === 'failed' && holding.attempt < row.maxAttempts) continue
      steps.push({
        event: `the handler on ${who} ends: ${ending}`,
        world: put(world, { ...holding, phase: ending }),
        isFault: false,
      })
    }
    return
  }
  write(`${who} acks: ${holding.phase}`, ack(row, holding, holding.phase, fence), null)
}

/** A write that is waited for on the disk takes what was written before it along. */
function durable(world: World, row: Row): World {
  return { ...world, row, undo: null }
}

/**
 * A short text that two worlds share if and only if the same can happen in both: whichever worker is called which, and
 * whatever the leases are called. Of a random lease nothing matters but which row it is on.
 */
export function keyOf(world: World, { leases }: Setting): string {
  const { row, heldBy, workers, undo } = world
  const nameOf = (lease: string): string => {
    if (leases === 'sequence') return lease
    return lease === row.lease ? 'l' : lease === row.ackedBy ? 'a' : '-'
  }
  const texts = workers.map(({ life, holdings }, index) => {
    const held = holdings.map(
      (holding) =>
        `${nameOf(holding.lease)}${holding.attempt}${PHASES[holding.phase]}${holding.claim === heldBy?.claim ? '*' : ''}`,
    )
    return `${life[0] ?? ''}${life[1] ?? ''}${heldBy?.worker === index ? '!' : ''}${held.sort().join()}`
  })
  const before = undo === null ? '' : textOf(undo.row)
  const numbers =
    leases === 'sequence' ? `${row.lease},${row.ackedBy},${world.claims},${world.sequence},${undo?.sequence}` : ''
  return `${textOf(row)}|${texts.sort().join('|')}|${before}|${numbers}`
}

const PHASES = {
  held: 'h',
  running: 'r',
  completed: 'c',
  failed: 'f',
  cancelled: 'x',
  retry: 'a',
  snoozed: 's',
} as const

function textOf({ state, attempt, crashes, isStarted, isStopAsked }: Row): string {
  return `${state}${attempt}${crashes}${isStarted ? '+' : ''}${isStopAsked ? '!' : ''}`
}

function mayClaim(world: World, setting: Setting): boolean {
  const held = world.workers.reduce((sum, { holdings }) => sum + holdings.length, 0)
  return held < setting.mostHeld && !isAtBound(world, setting)
}

/** Whether the bound of the search lets the job not be claimed again. */
function isAtBound({ claims }: World, { mostClaims = Infinity }: Setting): boolean {
  return claims >= mostClaims
}

/** Whether nothing is left to do for the job, or the bound of the search lets nothing more happen to it. */
export function isAtRest(world: World, setting: Setting): boolean {
  return isEnded(world.row) || isAtBound(world, setting)
}
