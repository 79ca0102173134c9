/**
 * What claims do about circuit breakers: which jobs they leave out, which of them they park, which they take back, and which
 * they take as probes. While no breaker is open, and none has left parked jobs behind, all of it is one look into an empty index.
 */

import { breakerKey, freeProbes, isBlocking, type Breaker, type BreakerId } from '../../../job/breaker.ts'
import { PARKED_BY } from '../../stored-values.ts'
import type { Db } from '../connection.ts'
import { CLAIM_COLUMNS, type ClaimRow } from '../rows.ts'
import { BREAKER_COLUMNS, breakerOf, changeBreaker, idOf, type BreakerRow } from './breakers.ts'

const READ_ACTIVE = `
  select ${BREAKER_COLUMNS} from millrace_breaker indexed by millrace_breaker_active where state <> 'closed' or has_parked = 1`

const PARK = `update millrace_job set parked = ?1 where seq in (select value from json_each(?2))`

const SET_PARKED = 'update millrace_breaker set has_parked = ?4 where queue = ?1 and kind = ?2 and subject = ?3'

const UNPARK_NAME = `
  update millrace_job set parked = null where seq in (
    select seq from millrace_job indexed by millrace_job_parked
    where parked = '${PARKED_BY.name}' and queue = ?1 and name = ?2 order by due_at limit ?3)`

const UNPARK_KEY = `
  update millrace_job set parked = null where seq in (
    select seq from millrace_job indexed by millrace_job_parked_key
    where parked = '${PARKED_BY.key}' and queue = ?1 and key = ?2 order by due_at limit ?3)`

const NEXT_OF_NAME = `
  select ${CLAIM_COLUMNS} from millrace_job indexed by millrace_job_parked
  where parked = '${PARKED_BY.name}' and queue = ?1 and name = ?2 order by due_at limit ?3`

const NEXT_OF_KEY = `
  select ${CLAIM_COLUMNS} from millrace_job indexed by millrace_job_parked_key
  where parked = '${PARKED_BY.key}' and queue = ?1 and key = ?2 order by due_at limit ?3`

const UNPARK_TAKEN = 'update millrace_job set parked = null where seq in (select value from json_each(?))'

const IS_HELD = `select 1 as held from millrace_job where id = ? and lease = ? and state = 'running'`

/** So many at a time, because a claim must stay short however many are parked. */
const UNPARK_LIMIT = 2_000

/** So many parked jobs are looked through for probes that this node can run. */
const PROBE_LOOK = 50

interface Active {
  readonly id: BreakerId
  breaker: Breaker
  hasParked: boolean
  /** The rows to park. */
  readonly met: number[]
}

/** The breakers that a claim has to heed; null while there is none. */
export function openBreakers(db: Db): ClaimBreakers | null {
  // The columns of the statement, in a strict table.
  const rows = db.prepare(READ_ACTIVE).all() as BreakerRow[]
  return rows.length === 0 ? null : new ClaimBreakers(db, rows)
}

/** See the head of this file; for one claim. */
export class ClaimBreakers {
  readonly #db: Db
  readonly #active = new Map<string, Active>()
  readonly #taken: number[] = []

  constructor(db: Db, rows: readonly BreakerRow[]) {
    this.#db = db
    for (const row of rows) {
      const id = idOf(row)
      const active = { id, breaker: breakerOf(row), hasParked: row.has_parked === 1, met: [] }
      this.#active.set(breakerKey(id), active)
    }
  }

  /**
   * What is due in a queue: one that was open long enough goes to half-open, and jobs of one that is closed again become
   * ready. Answers when the next is due, and whether more jobs are to become ready.
   */
  prepare(queue: string): { readonly dueAt: number | null; readonly isLimited: boolean } {
    let dueAt: number | null = null
    let isLimited = false
    for (const active of this.#in(queue)) {
      const { id } = active
      active.breaker = this.#change(active, { type: 'due' })
      const { openUntil } = active.breaker
      if (openUntil !== null && (dueAt === null || openUntil < dueAt)) dueAt = openUntil
      if (isBlocking(active.breaker) || !active.hasParked) continue
      const sql = id.by === 'name' ? UNPARK_NAME : UNPARK_KEY
      const { changes } = this.#db.prepare(sql).run(queue, id.subject, UNPARK_LIMIT)
      if (Number(changes) === UNPARK_LIMIT) isLimited = true
      else this.#setParked(active, false)
    }
    return { dueAt, isLimited }
  }

  /** The probes that may be taken in a queue now, at most `count`, of names that the node can run. See {@link admit}. */
  probes(
    queue: string,
    own: ReadonlySet<string>,
    count: number,
  ): readonly { readonly row: ClaimRow; readonly of: BreakerId }[] {
    const found: { readonly row: ClaimRow; readonly of: BreakerId }[] = []
    for (const active of this.#in(queue)) {
      if (active.breaker.state !== 'half-open') continue
      const lost = active.breaker.probes.filter(
        ({ id, lease }) => this.#db.prepare(IS_HELD).get(id, lease) === undefined,
      )
      active.breaker = this.#change(active, { type: 'lost', probes: lost })
      let free = Math.min(freeProbes(active.breaker), count - found.length)
      if (free <= 0) continue
      const { id } = active
      const sql = id.by === 'name' ? NEXT_OF_NAME : NEXT_OF_KEY
      // The columns are `CLAIM_COLUMNS`, and the table is strict.
      for (const row of this.#db.prepare(sql).all(queue, id.subject, PROBE_LOOK) as ClaimRow[]) {
        if (free === 0) break
        // Another breaker may keep it back.
        if (!own.has(row.name) || this.#blockersOf(row).some((one) => one !== active)) continue
        found.push({ row, of: id })
        free -= 1
      }
    }
    return found
  }

  /** Jobs of {@link probes} were taken, each under this lease. */
  admit(of: BreakerId, rows: readonly Pick<ClaimRow, 'id' | 'seq'>[], lease: string): void {
    const active = this.#active.get(breakerKey(of))
    if (active === undefined) return
    for (const { seq } of rows) this.#taken.push(seq)
    active.breaker = this.#change(active, { type: 'admitted', probes: rows.map(({ id }) => ({ id, lease })) })
  }

  /** What was taken is parked no more. To be called after the walks, which would meet it. */
  unparkTaken(): void {
    if (this.#taken.length > 0) this.#db.prepare(UNPARK_TAKEN).run(JSON.stringify(this.#taken))
  }

  /** Whether a ready row must be left out; then it is parked by {@link park}. */
  meet(row: Pick<ClaimRow, 'seq' | 'queue' | 'name' | 'key'>): boolean {
    const [first] = this.#blockersOf(row)
    first?.met.push(row.seq)
    return first !== undefined
  }

  /** Parks what was met; answers whether some of it may be taken as a probe by the next claim. */
  park(queue: string): boolean {
    let mayProbe = false
    for (const active of this.#in(queue)) {
      if (active.met.length === 0) continue
      this.#db.prepare(PARK).run(PARKED_BY[active.id.by], JSON.stringify(active.met))
      active.met.length = 0
      this.#setParked(active, true)
      if (freeProbes(active.breaker) > 0) mayProbe = true
    }
    return mayProbe
  }

  *#in(queue: string): Iterable<Active> {
    for (const active of this.#active.values()) if (active.id.queue === queue) yield active
  }

  #blockersOf({ queue, name, key }: Pick<ClaimRow, 'queue' | 'name' | 'key'>): readonly Active[] {
    const byName = this.#active.get(breakerKey({ queue, by: 'name', subject: name }))
    const byKey = key === null ? undefined : this.#active.get(breakerKey({ queue, by: 'key', subject: key }))
    return [byName, byKey].filter((one) => one !== undefined && isBlocking(one.breaker)) as Active[] // none is left that is not there
  }

  #change(active: Active, event: Parameters<typeof changeBreaker>[2]): Breaker {
    return changeBreaker(this.#db, active.id, event)
  }

  #setParked(active: Active, hasParked: boolean): void {
    if (active.hasParked === hasParked) return
    active.hasParked = hasParked
    const { queue, by, subject } = active.id
    this.#db.prepare(SET_PARKED).run(queue, by, subject, hasParked ? 1 : 0)
  }
}
