/**
 * The verbs of the contract on one connection, synchronous: what both transports run. It knows no timers and no threads.
 */

import { existsSync } from 'node:fs'
import { RunnerError } from '../../host/errors.ts'
import { storeError } from '../errors.ts'
import { auditedQueue, auditedTarget } from '../audit-content.ts'
import type {
  BulkAnswer,
  JobTarget,
  MigrationReport,
  NodeRegistration,
  NodeSnapshot,
  Order,
  PendingMigrations,
  Store,
} from '../store.ts'
import { Connection, type Db, type Durability } from './connection.ts'
import { diagnoseDatabase, diskTypeOf } from './diagnose.ts'
import type { SqliteDatabase } from './engine.ts'
import { HeldRows } from './held-rows.ts'
import { loadEngine } from './load-engine.ts'
import { NodeNames } from './node-names.ts'
import { peek } from './peek.ts'
import { admitSchema, EVERY_MIGRATION, migrateSchema, pendingFor } from './schema.ts'
import { ackJobs } from './statements/ack-jobs.ts'
import { AT_ONCE, OPERATED_STATES, type Chosen } from '../bulk-target.ts'
import { readAudit, writeAudit } from './statements/audit.ts'
import { countCalls, readBreakers, setBreaker } from './statements/breakers.ts'
import { chooseJobs } from './statements/bulk-target.ts'
import { cancelJobs } from './statements/cancel-jobs.ts'
import { changeQueue } from './statements/change-queue.ts'
import { claimJobs, type WalkPlaces } from './statements/claim-jobs.ts'
import { deleteJobs } from './statements/delete-jobs.ts'
import { readErrorGroups } from './statements/error-groups.ts'
import { giveBackJobs } from './statements/give-back-jobs.ts'
import { insertJobs } from './statements/insert-jobs.ts'
import { listJobs } from './statements/list-jobs.ts'
import { markStarted } from './statements/mark-started.ts'
import { readMetrics, recordMetrics, rollUpMetrics } from './statements/metrics.ts'
import { pruneJobs } from './statements/prune-jobs.ts'
import { endNotices, takeNotices } from './statements/notices.ts'
import { readDead, readEndings, readJob } from './statements/read-job.ts'
import { readBacklogs, readQueues } from './statements/read-queues.ts'
import { readPublishedJobs } from './statements/published-jobs.ts'
import { recordProgress } from './statements/record-progress.ts'
import {
  beat,
  orderNode,
  readNodes,
  readOrders,
  registerNode,
  retireNode,
  watchNodes,
} from './statements/register-node.ts'
import { rescueNode } from './statements/rescue-node.ts'
import { retryJobs } from './statements/retry-jobs.ts'
import { wakeOthers } from './statements/wake-others.ts'

/** The verbs of {@link Store} that are carried from a caller to a core: all that run on its own connection. */
export type CoreVerb = Exclude<
  keyof Store,
  | 'close'
  | 'onChange'
  | 'ackInTransaction'
  | 'insertInTransaction'
  | 'insertSync'
  | 'rescueNodeSync'
  | 'silenceMs'
  | 'timesUnheard'
  | 'vouch'
>

const EVERY_VERB: Readonly<Record<CoreVerb, true>> = {
  open: true,
  migrate: true,
  pendingMigrations: true,
  diagnose: true,
  insertJobs: true,
  claimJobs: true,
  markStarted: true,
  recordProgress: true,
  ackJobs: true,
  giveBackJobs: true,
  readJob: true,
  listJobs: true,
  readDead: true,
  readErrorGroups: true,
  readEndings: true,
  retryJobs: true,
  cancelJobs: true,
  deleteJobs: true,
  changeQueue: true,
  readQueues: true,
  readBacklogs: true,
  readAudit: true,
  countCalls: true,
  setBreaker: true,
  readBreakers: true,
  registerNode: true,
  readPublishedJobs: true,
  publishSnapshot: true,
  readOrders: true,
  orderNode: true,
  watchNodes: true,
  retireNode: true,
  readNodes: true,
  rescueNode: true,
  takeNotices: true,
  endNotices: true,
  recordMetrics: true,
  readMetrics: true,
  rollUpMetrics: true,
  pruneJobs: true,
  wake: true,
}

/** Every {@link CoreVerb}. */
// The record above has exactly these keys, or it would not compile.
export const CORE_VERBS: readonly CoreVerb[] = Object.keys(EVERY_VERB) as CoreVerb[]

/** The arguments of a verb. */
export type VerbArgs<V extends CoreVerb> = Parameters<Store[V]>

/** What a verb answers. */
export type VerbAnswer<V extends CoreVerb> = Awaited<ReturnType<Store[V]>>

/** The same verbs without promises. */
export type SyncVerbs = { readonly [V in CoreVerb]: (...args: VerbArgs<V>) => VerbAnswer<V> }

/** What a core needs. */
export interface CoreOptions {
  /** An absolute path, or null for a database in memory. */
  readonly path: string | null
  readonly durability: Durability
  readonly mayMigrate: boolean
}

/** What a core takes from outside. */
export interface CoreHost {
  now(): number
  uuid(): string
  /** Called between the steps of a verb that may take long, outside of its transactions: what is due may be done. */
  breathe(): void
}

/** A core; see the head of this file. */
export class SqliteCore implements SyncVerbs {
  readonly #options: CoreOptions
  readonly #host: CoreHost
  /** How messages call the database. */
  readonly #name: string
  readonly #names = new NodeNames()
  readonly #places = new Map<string, WalkPlaces>()
  readonly #rows = new HeldRows()
  #connection: Connection | null = null

  constructor(options: CoreOptions, host: CoreHost) {
    this.#options = options
    this.#host = host
    this.#name = options.path ?? 'sqlite::memory:'
  }

  open(): void {
    if (this.#connection !== null) return
    const { path, mayMigrate } = this.#options
    const connection = this.#connect(mayMigrate)
    try {
      // A database in memory is always new: nothing that could be upgraded by mistake.
      if (mayMigrate || path === null) migrateSchema(connection, this.#name)
    } catch (error) {
      connection.close()
      throw error
    }
    this.#connection = connection
  }

  migrate(): MigrationReport {
    const connection = this.#connection ?? this.#connect(true)
    try {
      const report = migrateSchema(connection, this.#name)
      this.#connection = connection
      return report
    } catch (error) {
      if (this.#connection === null) connection.close()
      throw error
    }
  }

  pendingMigrations(): VerbAnswer<'pendingMigrations'> {
    const { path } = this.#options
    const pending = (database: Pick<SqliteDatabase, 'prepare'>): PendingMigrations => pendingFor(database, this.#name)
    if (this.#connection !== null) return this.#connection.read(pending)
    return path === null || !existsSync(path) ? EVERY_MIGRATION : peek(path, pending)
  }

  diagnose(...[{ isThorough }]: VerbArgs<'diagnose'>): VerbAnswer<'diagnose'> {
    return diagnoseDatabase({
      path: this.#options.path,
      isThorough,
      now: this.#host.now(),
      loadEngine,
      diskTypeOf,
    })
  }

  insertJobs(...[jobs]: VerbArgs<'insertJobs'>): VerbAnswer<'insertJobs'> {
    if (jobs.length === 0) return []
    return this.#write((db) => insertJobs(db, jobs))
  }

  claimJobs(...[request]: VerbArgs<'claimJobs'>): VerbAnswer<'claimJobs'> {
    let places = this.#places.get(request.node)
    if (places === undefined) this.#places.set(request.node, (places = new Map() as WalkPlaces))
    const walks = places
    try {
      // The contract lets a crash of the database take a claim back, which saves a wait for the disk.
      const { answer, seqs } = this.#use().writeSoft((db) => claimJobs(db, request, this.#names, walks))
      this.#rows.add(answer.jobs, seqs)
      return answer
    } catch (error) {
      // What it unparked was rolled back with it.
      for (const { queue } of request.wants) this.#names.mustUnpark(request.node, queue)
      throw error
    }
  }

  markStarted(...[held]: VerbArgs<'markStarted'>): VerbAnswer<'markStarted'> {
    return this.#write((db) => markStarted(db, held))
  }

  recordProgress(...[notes]: VerbArgs<'recordProgress'>): VerbAnswer<'recordProgress'> {
    return this.#write((db) => recordProgress(db, notes))
  }

  ackJobs(...[acks]: VerbArgs<'ackJobs'>): VerbAnswer<'ackJobs'> {
    if (acks.length === 0) return { stale: [], cancelled: [] }
    return this.#write((db) => ackJobs(db, acks, this.#rows))
  }

  giveBackJobs(...[held]: VerbArgs<'giveBackJobs'>): VerbAnswer<'giveBackJobs'> {
    if (held.length === 0) return { stale: [] }
    const answer = this.#write((db) => giveBackJobs(db, held))
    for (const job of held) this.#rows.take(job)
    return answer
  }

  readJob(...[id]: VerbArgs<'readJob'>): VerbAnswer<'readJob'> {
    return this.#read((db) => readJob(db, id))
  }

  listJobs(...[query]: VerbArgs<'listJobs'>): VerbAnswer<'listJobs'> {
    return this.#read((db) => listJobs(db, query))
  }

  readDead(...[query]: VerbArgs<'readDead'>): VerbAnswer<'readDead'> {
    return this.#read((db) => readDead(db, query))
  }

  readErrorGroups(...[query]: VerbArgs<'readErrorGroups'>): VerbAnswer<'readErrorGroups'> {
    return this.#read((db) => readErrorGroups(db, query))
  }

  readEndings(...[ids]: VerbArgs<'readEndings'>): VerbAnswer<'readEndings'> {
    return this.#read((db) => readEndings(db, ids))
  }

  retryJobs(...[target, { order, spread = AT_ONCE } = {}]: VerbArgs<'retryJobs'>): VerbAnswer<'retryJobs'> {
    return this.#operate('retry', target, order, (db, chosen) => retryJobs(db, chosen, spread))
  }

  cancelJobs(...[target, order]: VerbArgs<'cancelJobs'>): VerbAnswer<'cancelJobs'> {
    return this.#operate('cancel', target, order, (db, chosen) => cancelJobs(db, chosen))
  }

  deleteJobs(...[target, order]: VerbArgs<'deleteJobs'>): VerbAnswer<'deleteJobs'> {
    return this.#operate('delete', target, order, (db, chosen) => deleteJobs(db, chosen))
  }

  changeQueue(...[queue, change, order]: VerbArgs<'changeQueue'>): void {
    this.#write((db) => changeQueue(db, queue, change, order))
  }

  readAudit(...[query]: VerbArgs<'readAudit'>): VerbAnswer<'readAudit'> {
    return this.#read((db) => readAudit(db, query))
  }

  countCalls(...[reports]: VerbArgs<'countCalls'>): VerbAnswer<'countCalls'> {
    // What a power cut takes back is counted less, and nothing else.
    return this.#use().writeSoft((db) => countCalls(db, reports))
  }

  setBreaker(...[id, mode, order]: VerbArgs<'setBreaker'>): VerbAnswer<'setBreaker'> {
    return this.#write((db) => setBreaker(db, id, mode, order))
  }

  readBreakers(...[query]: VerbArgs<'readBreakers'>): VerbAnswer<'readBreakers'> {
    return this.#read((db) => readBreakers(db, query))
  }

  readQueues(): VerbAnswer<'readQueues'> {
    return this.#read((db) => readQueues(db))
  }

  readBacklogs(...[queues]: VerbArgs<'readBacklogs'>): VerbAnswer<'readBacklogs'> {
    return this.#read((db) => readBacklogs(db, queues))
  }

  registerNode(...[node]: VerbArgs<'registerNode'>): void {
    this.#write((db) => registerNode(db, node, this.#names))
  }

  readPublishedJobs(...[names]: VerbArgs<'readPublishedJobs'>): VerbAnswer<'readPublishedJobs'> {
    return this.#read((db) => readPublishedJobs(db, names))
  }

  /** Only a beat stores a snapshot; the shell around the core decides when. */
  publishSnapshot(...[node, snapshot]: VerbArgs<'publishSnapshot'>): void {
    this.beat(node, snapshot)
  }

  /** Says that the node lives; answers false when it was declared dead. A lost beat is made up by the next one. */
  beat(node: string, snapshot: NodeSnapshot | null): boolean {
    const connection = this.#use()
    connection.checkFile()
    return connection.writeSoft((db) => beat(db, node, snapshot))
  }

  readOrders(...[node]: VerbArgs<'readOrders'>): VerbAnswer<'readOrders'> {
    return this.#read((db) => readOrders(db, node))
  }

  orderNode(...[node, wanted, order]: VerbArgs<'orderNode'>): VerbAnswer<'orderNode'> {
    return this.#write((db) => orderNode(db, node, wanted, order))
  }

  watchNodes(...[forMs]: VerbArgs<'watchNodes'>): void {
    this.#use().writeSoft((db) => watchNodes(db, forMs))
  }

  retireNode(...[node]: VerbArgs<'retireNode'>): void {
    this.#write((db) => retireNode(db, node))
    this.#names.forget(node)
    this.#places.delete(node)
    this.#rows.clear()
  }

  readNodes(): VerbAnswer<'readNodes'> {
    return this.#read((db) => readNodes(db))
  }

  rescueNode(...[request]: VerbArgs<'rescueNode'>): VerbAnswer<'rescueNode'> {
    return this.#write((db) => rescueNode(db, request))
  }

  takeNotices(...[request]: VerbArgs<'takeNotices'>): VerbAnswer<'takeNotices'> {
    return this.#write((db) => takeNotices(db, request))
  }

  endNotices(...[ends]: VerbArgs<'endNotices'>): void {
    if (ends.length > 0) this.#write((db) => endNotices(db, ends))
  }

  recordMetrics(...[rows]: VerbArgs<'recordMetrics'>): void {
    if (rows.length > 0) this.#use().writeSoft((db) => recordMetrics(db, rows))
  }

  readMetrics(...[query]: VerbArgs<'readMetrics'>): VerbAnswer<'readMetrics'> {
    return this.#read((db) => readMetrics(db, query))
  }

  rollUpMetrics(): VerbAnswer<'rollUpMetrics'> {
    return this.#use().writeSoft((db) => rollUpMetrics(db))
  }

  pruneJobs(...[policies]: VerbArgs<'pruneJobs'>): VerbAnswer<'pruneJobs'> {
    return this.#write((db) => pruneJobs(db, policies))
  }

  wake(): void {
    this.#use().writeSoft((db) => wakeOthers(db))
  }

  /** Whether somebody else has changed the database since the last call; false while it is not open. */
  hasForeignChange(): boolean {
    return this.#connection?.hasForeignChange() ?? false
  }

  /** Looks whether the file is still there. */
  checkFile(): void {
    this.#connection?.checkFile()
  }

  /** For moments in which nobody waits: empties the write-ahead log. */
  truncateLog(): void {
    this.#connection?.truncateLog()
  }

  close(): void {
    const connection = this.#connection
    this.#connection = null
    if (connection === null) return
    try {
      connection.truncateLog()
    } finally {
      connection.close()
    }
  }

  #connect(mayMigrate: boolean): Connection {
    const { path, durability } = this.#options
    // Opening would create the file, which is not asked for here.
    if (path !== null && !mayMigrate && !existsSync(path)) {
      throw storeError(
        'ERR_SCHEMA_OLDER',
        `database ${path} does not exist, and \`migrate: false\` forbids to create it; run \`millrace migrate\``,
      )
    }
    return new Connection({
      path,
      durability,
      now: () => this.#host.now(),
      uuid: () => this.#host.uuid(),
      admit: (database) => admitSchema(database, this.#name, mayMigrate || path === null),
    })
  }

  #use(): Connection {
    this.open()
    const connection = this.#connection
    if (connection === null) throw new RunnerError('ERR_ASSERTION', 'the store is not open; this is a bug in millrace')
    return connection
  }

  /** An operator's verb: what it changes is written down with who ordered it. */
  #operate(
    action: keyof typeof OPERATED_STATES,
    target: JobTarget,
    order: Order | undefined,
    work: (db: Db, chosen: Chosen) => BulkAnswer,
  ): BulkAnswer {
    const chosen = chooseJobs(target, OPERATED_STATES[action], (query) => {
      this.#host.breathe()
      return this.#read((db) => listJobs(db, query))
    })
    return this.#write((db) => {
      const answer = work(db, chosen)
      const jobs = answer.changed.length
      if (jobs > 0) writeAudit(db, order, { action, queue: auditedQueue(target), target: auditedTarget(target), jobs })
      return answer
    })
  }

  #write<T>(work: (db: Db) => T): T {
    return this.#use().write(work)
  }

  #read<T>(work: (db: Db) => T): T {
    return this.#use().read(work)
  }
}

/** What a node needs to be beaten for again after a restart of the thread. */
export type BeatingNode = Pick<NodeRegistration, 'id' | 'beatMs'>
