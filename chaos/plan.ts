/**
 * What happens when, from a seed alone. Pure: the plan says which process meets which fault at which moment; processes are
 * real, so how far each has come by then differs from run to run.
 *
 *     observer  never attacked: sees what happens to the others     blocked   its handler blocks the event loop
 *     victim    killed, killed at named points, told to stop        sleeper   stopped longer than the lease, then woken
 *     remote    believes itself on another machine, and is killed   bomb      little memory, and a job that fills it
 */

import type { Profile, StoreName } from './profiles.ts'
import { diceOf, type Dice } from './random.ts'

/** What a process of the fleet is for. */
export type Role = 'observer' | 'victim' | 'sleeper' | 'remote' | 'blocked' | 'bomb'

/** A place in the fleet: when its process ends, another one takes it. */
export interface Slot {
  readonly name: string
  readonly role: Role
}

/** Where a worker can be told to kill itself. */
export const CRASH_POINTS = [
  'after-claim',
  'before-start',
  'mid-handler',
  'before-user-commit',
  'after-user-commit',
  'before-ack',
  'mid-flush',
  'during-rescue',
] as const

/** See {@link CRASH_POINTS}. */
export type CrashPoint = (typeof CRASH_POINTS)[number]

/** What the way to the database may do. */
export const NETWORK_FAULTS = ['cut', 'blackhole', 'delay', 'swallow-reply', 'terminate-backends'] as const

/** See {@link NETWORK_FAULTS}. */
export type NetworkFault = (typeof NETWORK_FAULTS)[number]

/** One fault. */
export type Fault = { readonly atMs: number } & (
  | { readonly type: 'kill'; readonly slot: string }
  | { readonly type: 'crash'; readonly slot: string; readonly point: CrashPoint }
  /** SIGTERM; with `killAfterMs` it is killed while it stops. */
  | { readonly type: 'term'; readonly slot: string; readonly killAfterMs: number | null }
  | { readonly type: 'sleep'; readonly slot: string; readonly forMs: number }
  | { readonly type: 'kill-producer' }
  | { readonly type: 'kill-database' }
  | { readonly type: 'network'; readonly fault: NetworkFault; readonly forMs: number }
)

/** The plan of a run. */
export interface Plan {
  readonly slots: readonly Slot[]
  readonly faults: readonly Fault[]
}

/** The plan of a seed. */
export function planOf(seed: number, profile: Profile, store: StoreName): Plan {
  const numbered = (role: Role, count: number): Slot[] =>
    Array.from({ length: count }, (_, index) => ({ name: `${role}-${index + 1}`, role }))
  const slots: Slot[] = [
    ...numbered('observer', 1),
    ...numbered('victim', profile.victims),
    ...numbered('sleeper', profile.sleepers),
    ...numbered('remote', 1),
    ...numbered('blocked', 1),
    ...(profile.bombs > 0 ? numbered('bomb', 1) : []),
  ]
  const faults = slots.flatMap((slot, index) => faultsOf(slot, profile, diceOf(seed * 1_000 + index)))
  faults.push(
    ...steadily(diceOf(seed * 1_000 + 501), 4_000, profile.chaosMs / 8, profile.chaosMs, (atMs) => ({
      atMs,
      type: 'kill-producer',
    })),
  )
  if (store === 'postgres') faults.push(...databaseFaults(profile, diceOf(seed * 1_000 + 502)))
  return { slots, faults: faults.sort((a, b) => a.atMs - b.atMs) }
}

function faultsOf(slot: Slot, profile: Profile, dice: Dice): Fault[] {
  const { chaosMs } = profile
  switch (slot.role) {
    case 'victim':
      return steadily(dice, 1_000, profile.victimEveryMs, chaosMs, (atMs) =>
        victimFault(atMs, slot.name, profile, dice),
      )
    case 'remote':
      // What it held when it is killed last has to be found by its silence alone.
      return steadily(dice, 2_500, profile.remoteEveryMs, chaosMs - 6_000, (atMs) => ({
        atMs,
        type: 'kill',
        slot: slot.name,
      }))
    case 'sleeper': {
      const cycleMs = profile.sleepMs + profile.awakeMs
      const first = dice.whole(1_500, 2_500)
      const count = Math.max(1, Math.floor((chaosMs - first) / cycleMs))
      return Array.from({ length: count }, (_, index) => ({
        atMs: first + index * cycleMs + dice.whole(0, 500),
        type: 'sleep',
        slot: slot.name,
        forMs: profile.sleepMs,
      }))
    }
    case 'observer':
    case 'blocked':
    case 'bomb':
      return []
  }
}

function victimFault(atMs: number, slot: string, { termShare }: Profile, dice: Dice): Fault {
  if (dice.float() < termShare)
    return { atMs, type: 'term', slot, killAfterMs: dice.float() < 0.5 ? dice.whole(0, 300) : null }
  if (dice.float() < 0.5) return { atMs, type: 'kill', slot }
  return { atMs, type: 'crash', slot, point: dice.pick(CRASH_POINTS) }
}

function databaseFaults(profile: Profile, dice: Dice): Fault[] {
  const kills = steadily(
    dice,
    profile.databaseEveryMs * 0.7,
    profile.databaseEveryMs,
    profile.chaosMs - 2_000,
    (atMs) => ({
      atMs,
      type: 'kill-database',
    }),
  )
  const network = steadily(dice, 3_000, profile.networkEveryMs, profile.chaosMs - 1_000, (atMs) => ({
    atMs,
    type: 'network',
    fault: dice.pick(NETWORK_FAULTS),
    forMs: dice.whole(100, 1_500),
  }))
  return [...kills, ...network]
}

/** Faults from `firstMs` on, each about `everyMs` after the one before: between half and one and a half times that. */
function steadily(
  dice: Dice,
  firstMs: number,
  everyMs: number,
  untilMs: number,
  make: (atMs: number) => Fault,
): Fault[] {
  const faults: Fault[] = []
  for (let atMs = firstMs; atMs < untilMs; atMs += Math.round(everyMs * (0.5 + dice.float())))
    faults.push(make(Math.round(atMs)))
  return faults
}
