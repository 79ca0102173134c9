/**
 * Bugs that a job runner can have, planted into copies of the build. Each is a promise broken in the way in which other runners
 * have broken it, and each has to be caught by the audit: a harness that lets one through proves nothing.
 */

import type { Invariant } from '../audit/violations.ts'
import type { Patch } from '../build-copy.ts'
import type { Profile, StoreName } from '../profiles.ts'

/** See the head of this file. */
export interface PlantedBug {
  readonly name: string
  /** What is wrong, in a sentence. */
  readonly what: string
  readonly store: StoreName
  readonly patches: readonly Patch[]
  /** The promises of which at least one must be seen to be broken. */
  readonly caughtBy: readonly Invariant[]
  /** What this bug needs more of, or can do without. */
  readonly profile?: Partial<Profile>
}

const SQLITE = 'store/sqlite/statements'
const POSTGRES = 'store/postgres/statements'

/** Without zombies a run need not be longer than a few seconds. */
const WITHOUT_ZOMBIES: Partial<Profile> = { sleepers: 0, chaosMs: 8_000, effects: 200, others: 150, blockMs: 1_000 }

/** Where the statements of an ack look at the lease. */
const ACK_FENCES: readonly Omit<Patch, 'replace'>[] = [
  { file: `${SQLITE}/ack-jobs.js`, find: `where id = ?1 and lease = ?2 and state = 'running'` },
  { file: `${SQLITE}/ack-jobs.js`, find: `where id = ? and lease = ? and state = 'running'` },
  { file: `${SQLITE}/complete-jobs.js`, find: `and job.lease = ?2 and job.state = 'running'` },
  { file: `${SQLITE}/complete-jobs.js`, find: `and lease = ?2 and state = 'running'` },
]

const fencedBy = (fence: (text: string) => string): readonly Patch[] =>
  ACK_FENCES.map((patch) => ({ ...patch, replace: fence(patch.find) }))

/** The bugs, the quickest to catch first. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'rescue_by_id',
    what: 'a rescue frees jobs whoever holds them',
    store: 'sqlite',
    patches: [
      {
        file: `${SQLITE}/rescue-node.js`,
        find: `where state = 'running' and node = ? order`,
        replace: `where state = 'running' and ? is not null order`,
      },
    ],
    caughtBy: ['I7'],
    profile: WITHOUT_ZOMBIES,
  },
  {
    name: 'over_concurrency',
    what: 'a queue runs more handlers at once than it may',
    store: 'sqlite',
    patches: [
      {
        file: 'queue/queue-supervisor.js',
        find: '{ length: settings.concurrency }',
        replace: '{ length: 2 * settings.concurrency }',
      },
    ],
    caughtBy: ['L1'],
    profile: WITHOUT_ZOMBIES,
  },
  {
    name: 'ack_before_commit',
    what: 'complete(tx) ends the job outside of the transaction, before it commits',
    store: 'postgres',
    patches: [
      {
        file: 'store/postgres/postgres-store.js',
        find: 'async ackInTransaction(tx, ack) {',
        replace: 'async ackInTransaction(tx, ack) {\n        return (await this.ackJobs([ack])).stale.length === 0;',
      },
    ],
    caughtBy: ['I9'],
    profile: { ...WITHOUT_ZOMBIES, chaosMs: 12_000, victimEveryMs: 900 },
  },
  {
    name: 'no_giveback',
    what: 'a worker that stops keeps what it did not finish',
    store: 'sqlite',
    patches: [
      {
        file: 'queue/ack-writer.js',
        find: 'giveBack(jobs) {',
        replace: 'giveBack(jobs) {\n        if (jobs !== undefined) return Promise.resolve();',
      },
      { file: `${SQLITE}/register-node.js`, find: 'giveBackJobs(db, readHeld(db, node));', replace: '' },
    ],
    caughtBy: ['I8', 'I1'],
    profile: { ...WITHOUT_ZOMBIES, chaosMs: 12_000, others: 400, termShare: 1 },
  },
  {
    name: 'local_clock',
    what: 'a worker stores times of its own clock',
    store: 'postgres',
    patches: [
      {
        file: `${POSTGRES}/nodes.js`,
        find: 'from (select /* schema */.now_ms() as now) n',
        replace: 'from (select ${Date.now()}::bigint as now) n',
      },
    ],
    caughtBy: ['T1'],
    profile: WITHOUT_ZOMBIES,
  },
  {
    name: 'notify_only',
    what: 'a worker looks for jobs only when it is told of them',
    store: 'postgres',
    patches: [
      {
        file: 'queue/claimer.js',
        find: 'const DEFAULT_POLL_MS = 1_000;',
        replace: 'const DEFAULT_POLL_MS = 3_600_000;',
      },
      { file: 'queue/claimer.js', find: 'answer.lookAgainInMs ??', replace: '' },
    ],
    caughtBy: ['I8'],
    profile: { ...WITHOUT_ZOMBIES, drainMs: 15_000 },
  },
  {
    name: 'heartbeat_on_main',
    what: 'beats are sent from the event loop that handlers may block',
    store: 'postgres',
    patches: [
      {
        file: 'store/postgres/open-postgres-store.js',
        find: 'new ThreadHeart(options.host, address)',
        replace: 'new LoopHeart(options.host.clock, new Database(address))',
      },
    ],
    caughtBy: ['N1'],
    profile: { sleepers: 0, blockMs: 15_000 },
  },
  {
    name: 'no_fence',
    what: 'an ack changes the job whatever has become of it',
    store: 'sqlite',
    patches: fencedBy((text) =>
      text.replace(/(and )(job\.)?lease = (\?2?) and (job\.)?state = 'running'/, '$1$3 is not null'),
    ),
    caughtBy: ['I5', 'I6'],
  },
  {
    name: 'state_fence',
    what: 'an ack is taken from anybody while the job is running',
    store: 'sqlite',
    patches: fencedBy((text) => text.replace(/(job\.)?lease = (\?2?) and/, '$2 is not null and')),
    caughtBy: ['I5', 'I6'],
  },
  {
    name: 'attempt_fence',
    what: 'a claim is known by its attempt, which is given back and used again',
    store: 'sqlite',
    patches: [
      {
        file: `${SQLITE}/claim-jobs.js`,
        find: 'decodeClaimed(row, lease,',
        replace: "decodeClaimed(row, 'attempt-' + (row.attempt + 1),",
      },
      {
        file: `${SQLITE}/claim-jobs.js`,
        find: `state = 'running', lease = ?,`,
        replace: `state = 'running', lease = 'attempt-' || (attempt + 1) || substr(?, 1, 0),`,
      },
    ],
    caughtBy: ['I4', 'I5'],
    profile: WITHOUT_ZOMBIES,
  },
]
