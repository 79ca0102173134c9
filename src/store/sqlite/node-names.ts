/**
 * What the live nodes can run, as far as claims ask. Kept in memory by the store of each process: a node's own names, and
 * the queues whose parked jobs it has still to look through.
 */

import type { NodeRegistration } from '../store.ts'
import type { Db } from './connection.ts'
import { parseJson } from '../stored-values.ts'

const READ_NODE = 'select jobs from millrace_node where id = ? and dead_at is null'

const IS_ALIVE = 'select 1 as alive from millrace_node where id = ? and dead_at is null'

// `json_each` compares the names inside the engine: no node's list is decoded for it.
const IS_KNOWN = `
  select 1 as known from millrace_node
  where dead_at is null
    and exists (select 1 from json_each(millrace_node.queues) where value = ?1)
    and exists (select 1 from json_each(millrace_node.jobs) where json_extract(value, '$.name') = ?2)
  limit 1`

/** See the head of this file. */
export class NodeNames {
  readonly #own = new Map<string, ReadonlySet<string>>()
  readonly #unparking = new Map<string, Set<string>>()
  /** Answers of the verb that runs now: a walk meets the same unknown name again and again. */
  #known = new Map<string, boolean>()
  #knownBy: Db | null = null

  /** A node of this process begins: all its queues may hold parked jobs for it. */
  register(node: NodeRegistration): void {
    this.#own.set(node.id, namesOf(node.jobs))
    this.#unparking.set(node.id, new Set(node.queues))
  }

  forget(node: string): void {
    this.#own.delete(node)
    this.#unparking.delete(node)
  }

  /** The names that the node can run; null when it is unknown, retired or declared dead. */
  of(db: Db, node: string): ReadonlySet<string> | null {
    const own = this.#own.get(node)
    if (own !== undefined) return db.prepare(IS_ALIVE).get(node) === undefined ? null : own
    // The one column of the statement.
    const row = db.prepare(READ_NODE).get(node) as { jobs: string } | undefined
    if (row === undefined) return null
    const names = namesOf(parseJson(row.jobs))
    this.#own.set(node, names)
    return names
  }

  /** Whether some live node that serves the queue can run jobs of this name. */
  isKnown(db: Db, queue: string, name: string): boolean {
    if (this.#knownBy !== db) {
      this.#known = new Map<string, boolean>()
      this.#knownBy = db
    }
    const key = `${queue}\n${name}`
    let isKnown = this.#known.get(key)
    if (isKnown === undefined) {
      isKnown = db.prepare(IS_KNOWN).get(queue, name) !== undefined
      this.#known.set(key, isKnown)
    }
    return isKnown
  }

  isUnparking(node: string, queue: string): boolean {
    return this.#unparking.get(node)?.has(queue) ?? false
  }

  hasUnparked(node: string, queue: string): void {
    this.#unparking.get(node)?.delete(queue)
  }

  mustUnpark(node: string, queue: string): void {
    this.#unparking.get(node)?.add(queue)
  }
}

function namesOf(jobs: unknown): ReadonlySet<string> {
  if (!Array.isArray(jobs)) return new Set<string>()
  // Written by `registerNode`: published jobs.
  return new Set((jobs as readonly { readonly name: string }[]).map((job) => job.name))
}
