/**
 * The store on PostgreSQL: the verbs of the contract on the lanes of a database.
 *
 *     idle ──first verb──▶ opening ──▶ open ──close──▶ closed
 *      ▲                      │ it failed: the next verb tries again
 *      └──────────────────────┘
 *
 * State in memory only makes it quicker: which leases this process holds, where its claims begin, which priorities are known
 * to be written down. A crash loses nothing but that.
 */

import type { Host } from '../../host/host.ts'
import { uuidV4 } from '../../host/uuid.ts'
import { QUARANTINE_AFTER } from '../../job/crashes.ts'
import type { NewJob } from '../../job/job.ts'
import { auditedQueue, auditedTarget } from '../audit-content.ts'
import { AT_ONCE, OPERATED_STATES, type Chosen } from '../bulk-target.ts'
import { OutcomeUnknownError, storeError } from '../errors.ts'
import type {
  Ack,
  ChangeTopic,
  AckAnswer,
  BulkAnswer,
  FencedAnswer,
  HeldJob,
  InsertedJob,
  JobTarget,
  NodeRegistration,
  NodeSnapshot,
  Order,
  Store,
} from '../store.ts'
import { TransactionGate } from './admit-transaction.ts'
import { ArrivalPace } from './arrival-pace.ts'
import { Claims } from './claims.ts'
import type { Database, Db } from './database.ts'
import { diagnoseDatabase } from './diagnose.ts'
import { endedWithin } from './ended-within.ts'
import { sqlStateOf, UnansweredError } from './errors.ts'
import { LoopHeart, type Heart } from './heart.ts'
import { HeldLeases } from './held-leases.ts'
import { Listener } from './listener.ts'
import { NO_UUID } from './rows.ts'
import { admitSchema, migrateSchema, pendingFor } from './schema.ts'
import { ackJobs, isOneStatement } from './statements/ack-jobs.ts'
import { readAudit, writeAudit } from './statements/audit.ts'
import { countCalls, readBreakers, setBreaker } from './statements/breakers.ts'
import { giveBackJobs, markStarted, readHeld, readLeases, recordProgress } from './statements/held-jobs.ts'
import { addPriorities, insertJobsWithCare, insertNewJobs } from './statements/insert-jobs.ts'
import { readErrorGroups } from './statements/error-groups.ts'
import { listJobs } from './statements/list-jobs.ts'
import { readMetrics, recordMetrics, rollUpMetrics } from './statements/metrics.ts'
import {
  beat,
  orderNode,
  readNodes,
  readOrders,
  readPublishedJobs,
  registerNode,
  removeNode,
  watchNodes,
} from './statements/nodes.ts'
import { endNotices, takeNotices } from './statements/notices.ts'
import { cancelJobs, chooseJobs, deleteJobs, retryJobs } from './statements/operate-jobs.ts'
import { pruneJobs, PruneProgress, readOrphanedNodes } from './statements/prune-jobs.ts'
import { UNPARK_LIMIT, unparkJobs } from './statements/promote-jobs.ts'
import { readDead, readEndings, readJob } from './statements/read-jobs.ts'
import { changeQueue, readBacklogs, readQueues } from './statements/queues.ts'
import { freeJobs, rescueNode } from './statements/rescue-node.ts'
import { userTransaction } from './user-transaction.ts'

/** What the store is made of. */
export interface PostgresStoreParts {
  readonly host: Host
  readonly database: Database
  readonly heart: Heart
  /** The channel on which idle processes are notified. */
  readonly channel: string
  readonly mayMigrate: boolean
}

const NOTIFY = `select pg_notify($1, '')`

const UNIQUE_VIOLATION = '23505'

/** Makes a store of its parts. Nothing is opened before the first verb. */
export function postgresStore(parts: PostgresStoreParts): Store {
  return new PostgresStore(parts)
}

class PostgresStore implements Store {
  readonly #host: Host
  readonly #database: Database
  readonly #gate: TransactionGate
  readonly #heart: Heart
  readonly #channel: string
  readonly #mayMigrate: boolean
  readonly #held = new HeldLeases()
  readonly #pace = new ArrivalPace()
  readonly #claims: Claims
  readonly #pruned = new PruneProgress()
  readonly #levels = new Set<string>()
  readonly #listeners = new Set<() => void>()
  #listener: Listener | null = null
  /** Of listeners that have ended. */
  #timesUnheard = 0
  readonly #endingEars = new Set<Promise<void>>()
  #opening: Promise<void> | null = null
  #closing: Promise<void> | null = null

  constructor({ host, database, heart, channel, mayMigrate }: PostgresStoreParts) {
    this.#host = host
    this.#database = database
    this.#gate = new TransactionGate(database.general)
    this.#heart = heart
    this.#channel = channel
    this.#mayMigrate = mayMigrate
    this.#claims = new Claims(host, { database, held: this.#held, pace: this.#pace, listener: () => this.#listener })
  }

  // ── schema and lifetime ──────────────────────────────────────────────────────────────────────────────────────────

  open(): Promise<void> {
    this.#checkOpen()
    this.#opening ??= admitSchema(this.#database, this.#mayMigrate).catch((error: unknown) => {
      this.#opening = null
      throw error
    })
    return this.#opening
  }

  async migrate(): ReturnType<Store['migrate']> {
    this.#checkOpen()
    return migrateSchema(this.#database)
  }

  async pendingMigrations(): ReturnType<Store['pendingMigrations']> {
    this.#checkOpen()
    return pendingFor(this.#database)
  }

  async diagnose(): ReturnType<Store['diagnose']> {
    this.#checkOpen()
    return diagnoseDatabase(this.#host, { database: this.#database, isBeatOnLoop: this.#heart instanceof LoopHeart })
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close())
  }

  onChange(about: ChangeTopic, listener: () => void): () => void {
    // Whoever listens makes enqueues notify, which costs them dearly; and nothing is notified of endings.
    if (about === 'endings') return () => {}
    this.#listeners.add(listener)
    if (this.#closing === null && this.#listener === null) this.#listen()
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      this.#stopListening()
    }
  }

  // ── enqueue ──────────────────────────────────────────────────────────────────────────────────────────────────────

  async insertJobs(jobs: readonly NewJob[]): Promise<readonly InsertedJob[]> {
    await this.open()
    if (jobs.length === 0) return []
    await this.#knowLevels(jobs)
    return this.#insertOnce(jobs)
  }

  async insertInTransaction(tx: unknown, jobs: readonly NewJob[]): Promise<readonly InsertedJob[]> {
    const db = await this.#enter(tx)
    if (jobs.length === 0) return []
    await this.#knowLevels(jobs)
    // Nobody is told: until the user commits there is nothing to find.
    return insertJobsWithCare(db, jobs, '')
  }

  insertSync(): never {
    throw storeError(
      'ERR_TX_FOREIGN',
      'PostgreSQL is never waited for: use `await enqueue(…, { tx })` inside the transaction',
    )
  }

  // ── the life of a claimed job ────────────────────────────────────────────────────────────────────────────────────

  async claimJobs(...[request]: Parameters<Store['claimJobs']>): ReturnType<Store['claimJobs']> {
    await this.open()
    return this.#claims.claim(request)
  }

  async markStarted(held: readonly HeldJob[]): Promise<FencedAnswer> {
    await this.open()
    if (held.length === 0) return { stale: [] }
    this.#held.touch(held)
    return markStarted(this.#database.general, held)
  }

  async recordProgress(...[notes]: Parameters<Store['recordProgress']>): Promise<FencedAnswer> {
    await this.open()
    return notes.length === 0 ? { stale: [] } : this.#database.general.transaction((db) => recordProgress(db, notes))
  }

  async ackJobs(acks: readonly Ack[]): Promise<AckAnswer> {
    await this.open()
    if (acks.length === 0) return { stale: [], cancelled: [] }
    const node = this.#held.nodeOf(acks)
    const context = {
      node,
      endedLeases: this.#held.endedBy(acks),
      counter: node ?? NO_UUID,
      placeOf: (held: HeldJob) => this.#held.placeOf(held),
    }
    const { acks: lane } = this.#database
    const answer = isOneStatement(acks)
      ? await ackJobs(lane, acks, context)
      : await lane.transaction((db) => ackJobs(db, acks, context))
    this.#held.remove(acks)
    return answer
  }

  async ackInTransaction(tx: unknown, ack: Ack): Promise<boolean> {
    const db = await this.#enter(tx)
    // What is noted of the lease stays: the user may yet roll back. Nobody else counts under the same id, so that no other ack
    // waits until the user commits.
    const context = {
      node: this.#held.nodeOf([ack]),
      endedLeases: this.#held.endedBy([ack]),
      counter: uuidV4(this.#host),
      placeOf: () => null,
    }
    return (await ackJobs(db, [ack], context)).stale.length === 0
  }

  async giveBackJobs(held: readonly HeldJob[]): Promise<FencedAnswer> {
    await this.open()
    if (held.length === 0) return { stale: [] }
    const context = { node: this.#held.nodeOf(held), endedLeases: this.#held.endedBy(held) }
    const answer = await this.#database.general.transaction((db) => giveBackJobs(db, held, context))
    this.#held.remove(held)
    return answer
  }

  // ── looking and operating ────────────────────────────────────────────────────────────────────────────────────────

  async readJob(id: string): ReturnType<Store['readJob']> {
    await this.open()
    return this.#database.general.session((db) => readJob(db, id))
  }

  async listJobs(...[query]: Parameters<Store['listJobs']>): ReturnType<Store['listJobs']> {
    await this.open()
    return this.#database.general.session((db) => listJobs(db, query))
  }

  async readDead(...[query]: Parameters<Store['readDead']>): ReturnType<Store['readDead']> {
    await this.open()
    return this.#database.general.session((db) => readDead(db, query))
  }

  async readErrorGroups(...[query]: Parameters<Store['readErrorGroups']>): ReturnType<Store['readErrorGroups']> {
    await this.open()
    return readErrorGroups(this.#database.general, query)
  }

  async readEndings(ids: readonly string[]): ReturnType<Store['readEndings']> {
    await this.open()
    return readEndings(this.#database.general, ids)
  }

  retryJobs(
    ...[target, { order, spread = AT_ONCE } = {}]: Parameters<Store['retryJobs']>
  ): ReturnType<Store['retryJobs']> {
    return this.#operate('retry', target, order, (db, chosen) => retryJobs(db, chosen, spread))
  }

  cancelJobs(...[target, order]: Parameters<Store['cancelJobs']>): ReturnType<Store['cancelJobs']> {
    return this.#operate('cancel', target, order, cancelJobs)
  }

  deleteJobs(...[target, order]: Parameters<Store['deleteJobs']>): ReturnType<Store['deleteJobs']> {
    return this.#operate('delete', target, order, deleteJobs)
  }

  async changeQueue(...[queue, change, order]: Parameters<Store['changeQueue']>): Promise<void> {
    await this.open()
    await this.#database.general.transaction((db) => changeQueue(db, queue, change, order))
  }

  async readQueues(): ReturnType<Store['readQueues']> {
    await this.open()
    return readQueues(this.#database.general)
  }

  async readBacklogs(queues: readonly string[]): ReturnType<Store['readBacklogs']> {
    await this.open()
    return readBacklogs(this.#database.general, queues)
  }

  async readAudit(...[query]: Parameters<Store['readAudit']>): ReturnType<Store['readAudit']> {
    await this.open()
    return readAudit(this.#database.general, query)
  }

  // ── circuit breakers ─────────────────────────────────────────────────────────────────────────────────────────────

  async countCalls(...[reports]: Parameters<Store['countCalls']>): ReturnType<Store['countCalls']> {
    await this.open()
    return reports.length === 0 ? [] : this.#database.general.transaction((db) => countCalls(db, reports))
  }

  async setBreaker(...[id, mode, order]: Parameters<Store['setBreaker']>): ReturnType<Store['setBreaker']> {
    await this.open()
    return this.#database.general.transaction((db) => setBreaker(db, id, mode, order))
  }

  async readBreakers(...[query]: Parameters<Store['readBreakers']>): ReturnType<Store['readBreakers']> {
    await this.open()
    return readBreakers(this.#database.general, query)
  }

  // ── nodes and upkeep ─────────────────────────────────────────────────────────────────────────────────────────────

  async registerNode(node: NodeRegistration): Promise<void> {
    await this.open()
    await this.#database.general.transaction((db) => registerNode(db, node))
    this.#claims.register(node)
    this.#heart.beatFor(node.id, node.beatMs)
    const names = node.jobs.map(({ name }) => name)
    // Only now: a job that is parked at this moment, by somebody who does not see this node yet, is found by its claims.
    for (let round = 0; round < 5; round++) {
      const unparked = await unparkJobs(this.#database.general, node.queues, names)
      if (![...unparked.values()].some((count) => count >= UNPARK_LIMIT)) break
    }
  }

  async readPublishedJobs(names: readonly string[]): ReturnType<Store['readPublishedJobs']> {
    await this.open()
    return readPublishedJobs(this.#database.general, names)
  }

  async publishSnapshot(node: string, snapshot: NodeSnapshot, isUrgent: boolean): Promise<void> {
    await this.open()
    // An older one that still waits for its beat must not come after this one.
    this.#heart.carry(node, isUrgent ? null : snapshot)
    if (!isUrgent) return
    const sentAt = this.#host.clock.monotonic()
    const isAlive = await beat(this.#database.general, node, snapshot)
    if (isAlive) this.#heart.confirm(node, this.#host.clock.monotonic() - sentAt)
  }

  async readOrders(node: string): ReturnType<Store['readOrders']> {
    await this.open()
    return readOrders(this.#database.general, node)
  }

  async orderNode(...[node, wanted, order]: Parameters<Store['orderNode']>): Promise<boolean> {
    await this.open()
    return this.#database.general.transaction((db) => orderNode(db, node, wanted, order))
  }

  async watchNodes(forMs: number): Promise<void> {
    await this.open()
    await watchNodes(this.#database.general, forMs)
  }

  async retireNode(node: string): Promise<void> {
    await this.open()
    this.#heart.stop(node)
    await this.#database.general.transaction(async (db) => {
      const held = await readHeld(db, node)
      const endedLeases = await readLeases(db, node)
      if (held.length > 0 || endedLeases.length > 0) await giveBackJobs(db, held, { node, endedLeases })
      await removeNode(db, node)
    })
    this.#claims.forget(node)
    this.#held.forget(node)
  }

  async readNodes(): ReturnType<Store['readNodes']> {
    await this.open()
    return readNodes(this.#database.general)
  }

  async rescueNode(...[request]: Parameters<Store['rescueNode']>): ReturnType<Store['rescueNode']> {
    await this.open()
    return this.#database.general.transaction((db) => rescueNode(db, request))
  }

  rescueNodeSync(...[request, limitMs]: Parameters<Store['rescueNodeSync']>): boolean {
    return this.#heart.rescueSync(request, limitMs)
  }

  vouch(node: string, forMs: number): void {
    this.#heart.vouch(node, forMs)
  }

  silenceMs(node: string): number {
    return this.#heart.silenceMs(node)
  }

  async takeNotices(...[request]: Parameters<Store['takeNotices']>): ReturnType<Store['takeNotices']> {
    await this.open()
    return takeNotices(this.#database.general, request)
  }

  async endNotices(...[ends]: Parameters<Store['endNotices']>): Promise<void> {
    await this.open()
    await endNotices(this.#database.general, ends)
  }

  timesUnheard(): number {
    return this.#timesUnheard + (this.#listener?.timesUnheard ?? 0)
  }

  async recordMetrics(...[rows]: Parameters<Store['recordMetrics']>): Promise<void> {
    await this.open()
    if (rows.length > 0) await recordMetrics(this.#database.general, rows)
  }

  async readMetrics(...[query]: Parameters<Store['readMetrics']>): ReturnType<Store['readMetrics']> {
    await this.open()
    return readMetrics(this.#database.general, query)
  }

  async rollUpMetrics(): ReturnType<Store['rollUpMetrics']> {
    await this.open()
    return this.#database.general.transaction((db) => rollUpMetrics(db))
  }

  async pruneJobs(...[policies]: Parameters<Store['pruneJobs']>): ReturnType<Store['pruneJobs']> {
    await this.open()
    for (const { node, ...dead } of await readOrphanedNodes(this.#database.general)) {
      await this.#database.general.transaction((db) => freeJobs(db, { node, quarantineAfter: QUARANTINE_AFTER }, dead))
    }
    return this.#database.general.session((db) => pruneJobs(db, policies, this.#pruned))
  }

  async wake(): Promise<void> {
    await this.open()
    await this.#database.general.query(NOTIFY, [this.#channel])
  }

  // ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

  /** An operator's verb: what it changes is written down with who ordered it. */
  async #operate(
    action: keyof typeof OPERATED_STATES,
    target: JobTarget,
    order: Order | undefined,
    work: (db: Db, chosen: Chosen) => Promise<BulkAnswer>,
  ): Promise<BulkAnswer> {
    await this.open()
    const chosen = await chooseJobs(this.#database.general, target, OPERATED_STATES[action])
    return this.#database.general.transaction(async (db) => {
      const answer = await work(db, chosen)
      const jobs = answer.changed.length
      const done = { action, queue: auditedQueue(target), target: auditedTarget(target), jobs }
      if (jobs > 0) await writeAudit(db, order, done)
      return answer
    })
  }

  async #insert(jobs: readonly NewJob[]): Promise<readonly InsertedJob[]> {
    const { general } = this.#database
    if (jobs.some(({ isIdChosen }) => isIdChosen)) {
      return general.transaction((db) => insertJobsWithCare(db, jobs, this.#channel))
    }
    try {
      return await insertNewJobs(general, jobs, this.#channel)
    } catch (error) {
      // An id that is in use: the same call came twice, because the answer to the first was lost.
      if (sqlStateOf((error as { cause?: unknown }).cause) !== UNIQUE_VIOLATION) throw error
      return insertJobsWithCare(general, jobs, this.#channel)
    }
  }

  /** What is sent here is all that a caller waits for: when its answer is lost, nobody knows whether the jobs are stored. */
  async #insertOnce(jobs: readonly NewJob[]): Promise<readonly InsertedJob[]> {
    try {
      return await this.#insert(jobs)
    } catch (error) {
      if (!(error instanceof UnansweredError)) throw error
      throw new OutcomeUnknownError(
        jobs.map(({ id }) => id),
        error,
      )
    }
  }

  /** Sees to it that claims look at the priorities of these jobs, before the jobs are there. */
  async #knowLevels(jobs: readonly NewJob[]): Promise<void> {
    let fresh: Map<string, { readonly queue: string; readonly priority: number }> | undefined
    for (const { queue, priority } of jobs) {
      const key = `${priority} ${queue}`
      if (!this.#levels.has(key)) (fresh ??= new Map()).set(key, { queue, priority })
    }
    if (fresh === undefined) return
    await addPriorities(this.#database.general, [...fresh.values()])
    for (const key of fresh.keys()) this.#levels.add(key)
  }

  #listen(): void {
    const ear = new Listener(this.#host, {
      database: this.#database,
      channel: this.#channel,
      onNotify: () => {
        for (const listener of this.#listeners) listener()
      },
    })
    this.#listener = ear
    // The first verb has opened the store before somebody listens; where not, the ear tries until the tables are there.
    void ear.open()
  }

  #stopListening(): void {
    const ear = this.#listener
    this.#listener = null
    if (ear === null) return
    this.#timesUnheard += ear.timesUnheard
    const ending = ear.close().finally(() => this.#endingEars.delete(ending))
    this.#endingEars.add(ending)
  }

  async #close(): Promise<void> {
    this.#listeners.clear()
    this.#stopListening()
    await Promise.all([...this.#endingEars, this.#heart.close()])
    await endedWithin(this.#host.clock, this.#database.close())
  }

  /** Statements in a transaction of the user, once it is known to be one on this database. */
  async #enter(tx: unknown): Promise<Db> {
    const user = userTransaction(tx)
    await this.open()
    await this.#gate.admit(user)
    return this.#database.inTransaction(user)
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw storeError('ERR_STORE_CLOSED', 'the store was closed')
  }
}
