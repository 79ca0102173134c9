/** How long a run lasts and how much it does. */

/** A store that is put to the test. */
export type StoreName = 'sqlite' | 'postgres'

/** See the head of this file. All `…EveryMs` are means, around which the plan draws. */
export interface Profile {
  readonly name: string
  /** For how long faults come. */
  readonly chaosMs: number
  /** Jobs whose effects are written inside `complete(tx)`. */
  readonly effects: number
  /** All other jobs that end by themselves. */
  readonly others: number
  /** Processes that are killed again and again. */
  readonly victims: number
  /** How often each victim meets a fault. */
  readonly victimEveryMs: number
  /** Which share of these faults is a SIGTERM. */
  readonly termShare: number
  /** Processes that are stopped longer than the lease and wake up as zombies. */
  readonly sleepers: number
  /** How long a sleeper is stopped: longer than any lease. */
  readonly sleepMs: number
  /** How long a sleeper is left alone in between. */
  readonly awakeMs: number
  /** How often the worker that believes itself on another machine is killed. */
  readonly remoteEveryMs: number
  /** How often PostgreSQL is killed. */
  readonly databaseEveryMs: number
  /** How often the way to PostgreSQL is disturbed. */
  readonly networkEveryMs: number
  /** How long one handler blocks its event loop. */
  readonly blockMs: number
  /** How long the longest jobs nap. */
  readonly longestNapMs: number
  /** How many jobs abort their process, and how many fill its memory. */
  readonly poisons: number
  readonly bombs: number
  /** Within which all jobs have to end after the last fault. */
  readonly drainMs: number
  /** What has to have happened, or the run proves nothing. */
  readonly least: { readonly kills: number; readonly zombies: number; readonly remoteKills: number }
  /** How long recovery may take at the 99th percentile, on the same host and on the terms of another machine. */
  readonly most?: { readonly sameHostMs: number; readonly elsewhereMs: number }
}

const CI: Profile = {
  name: 'ci',
  chaosMs: 18_000,
  effects: 400,
  others: 300,
  victims: 2,
  victimEveryMs: 1_600,
  termShare: 0.14,
  sleepers: 2,
  sleepMs: 13_000,
  awakeMs: 2_500,
  remoteEveryMs: 4_000,
  databaseEveryMs: 20_000,
  networkEveryMs: 3_000,
  blockMs: 12_000,
  // Longer than a worker that is told to stop has patience.
  longestNapMs: 6_000,
  poisons: 1,
  bombs: 1,
  drainMs: 45_000,
  least: { kills: 8, zombies: 1, remoteKills: 0 },
}

/**
 * The profiles by name. `hunt` is what a planted bug has to be caught in. `recovery` measures how soon jobs run again: kills
 * and nothing else, so far apart that hardly a job is hit twice in a row.
 */
export const PROFILES: Readonly<Record<string, Profile>> = {
  ci: CI,
  hunt: {
    ...CI,
    name: 'hunt',
    chaosMs: 16_500,
    poisons: 0,
    bombs: 0,
    databaseEveryMs: Infinity,
    drainMs: 30_000,
    least: { kills: 5, zombies: 0, remoteKills: 0 },
  },
  full: {
    name: 'full',
    chaosMs: 470_000,
    effects: 20_000,
    others: 6_000,
    victims: 3,
    victimEveryMs: 4_000,
    termShare: 0.14,
    sleepers: 2,
    sleepMs: 13_000,
    awakeMs: 7_000,
    remoteEveryMs: 4_500,
    databaseEveryMs: 45_000,
    networkEveryMs: 8_000,
    blockMs: 30_000,
    longestNapMs: 6_000,
    poisons: 5,
    bombs: 3,
    drainMs: 120_000,
    least: { kills: 300, zombies: 20, remoteKills: 50 },
  },
  recovery: {
    name: 'recovery',
    chaosMs: 300_000,
    effects: 4_000,
    others: 5_000,
    victims: 3,
    victimEveryMs: 12_000,
    termShare: 0,
    sleepers: 0,
    sleepMs: 0,
    awakeMs: 0,
    remoteEveryMs: 3_000,
    databaseEveryMs: Infinity,
    networkEveryMs: Infinity,
    blockMs: 12_000,
    longestNapMs: 1_500,
    poisons: 0,
    bombs: 0,
    drainMs: 60_000,
    least: { kills: 100, zombies: 0, remoteKills: 50 },
    most: { sameHostMs: 1_000, elsewhereMs: 15_000 },
  },
}
