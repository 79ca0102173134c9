/**
 * The database of a simulation: one SQLite core in memory, which all machines share, with a clock of its own that may jump; and
 * what stands between it and each machine.
 */

import type { JobRecord } from '../../src/job/job.ts'
import { uuidV4 } from '../../src/host/uuid.ts'
import { SqliteCore, type CoreOptions } from '../../src/store/sqlite/core.ts'
import { inlineStore } from '../../src/store/sqlite/inline-store.ts'
import type { DrivenCore } from '../../src/store/sqlite/live-core.ts'
import { storeError } from '../../src/store/errors.ts'
import type { Store } from '../../src/store/store.ts'
import { History } from './history.ts'
import { EPOCH, type Machine } from './machine.ts'
import type { World } from './world.ts'

const OPTIONS: CoreOptions = { path: null, durability: 'process', mayMigrate: true }

/** See the head of this file. */
export class Database {
  readonly history: History
  readonly #world: World
  readonly #core: SqliteCore
  readonly #listeners = new Set<{ readonly machine: Machine; readonly tell: () => void }>()
  /** How much its clock is wrong. */
  skewMs = 0
  /** Nobody can reach it. */
  isAway = false

  constructor(world: World) {
    this.#world = world
    const now = (): number => EPOCH + world.now + this.skewMs
    this.#core = new SqliteCore(OPTIONS, { now, uuid: () => uuidV4(world), breathe: () => {} })
    this.history = new History(world, {
      now: () => Math.floor(now()),
      readJob: (id) => this.#core.readJob(id)?.job,
    })
  }

  /** The store of one machine, without any faults but that its beats need the database. */
  storeFor(machine: Machine, isReachable: () => boolean): Store {
    const core = this.#core
    const beat: DrivenCore['beat'] = (node, snapshot) => {
      if (!isReachable()) throw storeError('ERR_STORE_UNAVAILABLE', 'the database is out of reach')
      const isAlive = core.beat(node, snapshot)
      if (isAlive) this.history.beaten(node)
      return isAlive
    }
    const driven: DrivenCore = {
      ...bound(core),
      beat,
      publishSnapshot: (node, snapshot) => void beat(node, snapshot),
      hasForeignChange: () => false,
      checkFile: () => {},
      truncateLog: () => {},
      close: () => {},
    }
    const { clock, logger } = machine.threadHost
    const live = { clock, logger, makeCore: () => driven, isShared: false }
    return inlineStore(machine.threadHost, OPTIONS, live)
  }

  /** Everything that is stored, newest first. */
  all(): readonly JobRecord[] {
    return this.#core.listJobs({ limit: 1_000, searchLimit: 10_000 }).jobs
  }

  listen(machine: Machine, tell: () => void): () => void {
    const listener = { machine, tell }
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Something has changed: the others may hear of it, in a while. */
  changed(by: Machine, isHeard: () => boolean): void {
    for (const { machine, tell } of this.#listeners) {
      if (machine === by || machine.isGone || !isHeard()) continue
      this.#world.in(this.#world.between(1, 60), () => machine.deliver(tell))
    }
  }

  close(): void {
    this.#core.close()
  }
}

function bound(
  core: SqliteCore,
): Omit<DrivenCore, 'beat' | 'publishSnapshot' | 'hasForeignChange' | 'checkFile' | 'truncateLog' | 'close'> {
  return {
    open: () => core.open(),
    migrate: () => core.migrate(),
    pendingMigrations: () => core.pendingMigrations(),
    diagnose: (request) => core.diagnose(request),
    insertJobs: (jobs) => core.insertJobs(jobs),
    claimJobs: (request) => core.claimJobs(request),
    markStarted: (held) => core.markStarted(held),
    recordProgress: (notes) => core.recordProgress(notes),
    ackJobs: (acks) => core.ackJobs(acks),
    giveBackJobs: (held) => core.giveBackJobs(held),
    readJob: (id) => core.readJob(id),
    listJobs: (query) => core.listJobs(query),
    readDead: (query) => core.readDead(query),
    readErrorGroups: (query) => core.readErrorGroups(query),
    readEndings: (ids) => core.readEndings(ids),
    retryJobs: (...args) => core.retryJobs(...args),
    cancelJobs: (...args) => core.cancelJobs(...args),
    deleteJobs: (...args) => core.deleteJobs(...args),
    changeQueue: (...args) => core.changeQueue(...args),
    readQueues: () => core.readQueues(),
    readBacklogs: (queues) => core.readBacklogs(queues),
    orderNode: (...args) => core.orderNode(...args),
    watchNodes: (forMs) => core.watchNodes(forMs),
    readAudit: (query) => core.readAudit(query),
    countCalls: (reports) => core.countCalls(reports),
    setBreaker: (...args) => core.setBreaker(...args),
    readBreakers: (...args) => core.readBreakers(...args),
    registerNode: (node) => core.registerNode(node),
    readPublishedJobs: (names) => core.readPublishedJobs(names),
    readOrders: (node) => core.readOrders(node),
    retireNode: (node) => core.retireNode(node),
    readNodes: () => core.readNodes(),
    rescueNode: (request) => core.rescueNode(request),
    takeNotices: (request) => core.takeNotices(request),
    endNotices: (ends) => core.endNotices(ends),
    recordMetrics: (rows) => core.recordMetrics(rows),
    readMetrics: (query) => core.readMetrics(query),
    rollUpMetrics: () => core.rollUpMetrics(),
    pruneJobs: (policies) => core.pruneJobs(policies),
    wake: () => core.wake(),
  }
}
