/** The jobs of a run: what is enqueued when, decided by the seed before anything starts. */

import type { Profile } from './profiles.ts'
import { diceOf, type Dice } from './random.ts'

/** A job to be enqueued. */
export interface PlannedJob {
  readonly atMs: number
  readonly id: string
  readonly name: string
  readonly args: readonly unknown[]
  readonly options: Readonly<Record<string, unknown>>
  /** Whether the producer enqueues it in a transaction of its own, so that no worker is told. */
  readonly isInTransaction?: boolean
}

/** Jobs may fail as often as the database is away; what is tested is that none is lost. */
const PATIENT = { maxAttempts: 100, backoff: { base: 200, max: 1_000 } }

/** All jobs of a run, in the order in which they are enqueued. */
export function workloadOf(seed: number, profile: Profile): readonly PlannedJob[] {
  const dice = diceOf(seed * 1_000 + 900)
  const total = profile.effects + profile.others
  const kinds = [...Array<string>(profile.effects).fill('effect'), ...Array<string>(profile.others).fill('other')]
  shuffle(kinds, dice)
  const spacingMs = (profile.chaosMs - 1_000) / total
  const jobs = kinds.map((kind, index): PlannedJob => {
    const atMs = Math.round(index * spacingMs)
    const id = idOf(seed, index)
    if (kind === 'effect') {
      const isParent = dice.float() < 0.1
      return {
        atMs,
        id,
        name: 'work.effect',
        args: [isParent, dice.whole(0, 60)],
        options: { ...PATIENT, queue: 'effects' },
      }
    }
    return { atMs, id, ...otherJob(dice, profile), isInTransaction: dice.float() < 0.1 }
  })
  const special = [
    ...repeat(profile.poisons, (n) => ({
      atMs: 2_000 + (n * profile.chaosMs) / 8,
      name: 'work.poison',
      args: [],
      options: { maxAttempts: 25, queue: 'poison' },
    })),
    ...repeat(profile.bombs, (n) => ({
      atMs: 500 + n * 2_000,
      name: 'work.bomb',
      args: [],
      options: { maxAttempts: 25, queue: 'bomb' },
    })),
    { atMs: 500, name: 'work.block', args: [profile.blockMs], options: { ...PATIENT, queue: 'block' } },
    // When all is quiet, nothing but a worker's own look finds it.
    { atMs: profile.chaosMs + 4_000, name: 'work.noop', args: [], options: PATIENT, isInTransaction: true },
  ]
  jobs.push(...special.map((job, index) => ({ ...job, id: idOf(seed, total + index) })))
  return jobs.sort((a, b) => a.atMs - b.atMs)
}

function otherJob(dice: Dice, { longestNapMs }: Profile): Omit<PlannedJob, 'atMs' | 'id'> {
  const chance = dice.float()
  if (chance < 0.35) return { name: 'work.nap', args: [dice.whole(0, 400)], options: PATIENT }
  if (chance < 0.6) return { name: 'work.noop', args: [], options: PATIENT }
  if (chance < 0.75) return { name: 'work.flaky', args: [dice.whole(1, 2)], options: PATIENT }
  if (chance < 0.85) return { name: 'work.snoozy', args: [], options: PATIENT }
  if (chance < 0.88) return { name: 'work.refuse', args: [], options: PATIENT }
  if (chance < 0.95)
    return { name: 'work.nap', args: [dice.whole(longestNapMs * 0.75, longestNapMs)], options: PATIENT }
  return { name: 'work.nap', args: [dice.whole(500, 1_500)], options: { ...PATIENT, delay: dice.whole(100, 2_000) } }
}

/** A UUID that tells the run and the place in it. */
function idOf(seed: number, index: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0').slice(-digits)
  return `${hex(seed, 8)}-0000-4000-8000-${hex(index, 12)}`
}

function repeat<Item>(count: number, make: (n: number) => Item): Item[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

function shuffle(items: string[], dice: Dice): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = dice.whole(0, last)
    const [a, b] = [items[last], items[other]]
    if (a === undefined || b === undefined) continue
    items[last] = b
    items[other] = a
  }
}
