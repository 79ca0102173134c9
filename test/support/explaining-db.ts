/** A connection of the PostgreSQL store that keeps the plan of every statement that it executes. */

import type { Db, Row, SqlValue } from '../../src/store/postgres/database.ts'

/** One node of a plan, as `explain (analyze, format json)` writes it. */
interface PlanNode {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly 'Actual Rows'?: number
  readonly 'Actual Loops'?: number
  readonly 'Rows Removed by Filter'?: number
  readonly 'Rows Removed by Index Recheck'?: number
  readonly 'Shared Hit Blocks'?: number
  readonly 'Shared Read Blocks'?: number
  readonly Plans?: readonly PlanNode[]
}

/** How a statement read one table. */
export interface Scan {
  readonly type: string
  readonly table: string
  readonly index: string | null
  /** Rows that were looked at, those that a filter refused among them. */
  readonly rows: number
}

/** A statement that was executed. */
export interface Explained {
  readonly text: string
  /** Whether its plan is kept for the life of a connection. */
  readonly isKept: boolean
  readonly scans: readonly Scan[]
  /** Pages that it touched. */
  readonly pages: number
}

/**
 * See the head of this file. It must be given a connection on which a transaction is open, and be told whether plans may be
 * kept there.
 */
export class ExplainingDb implements Db {
  readonly name: string
  readonly explained: Explained[] = []
  /** The connection itself: what it executes is not kept. */
  readonly inner: Db

  readonly #mayKeep: boolean

  constructor(db: Db, mayKeep: boolean) {
    this.inner = db
    this.name = db.name
    this.#mayKeep = mayKeep
  }

  query(text: string, values: readonly SqlValue[] = []): Promise<readonly Row[]> {
    return this.#run('query', text, values)
  }

  repeat(text: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    return this.#run('repeat', text, values)
  }

  /** The plans of the statements in which `part` occurs. */
  of(part: string): readonly Explained[] {
    return this.explained.filter(({ text }) => text.includes(part))
  }

  async #run(how: 'query' | 'repeat', text: string, values: readonly SqlValue[]): Promise<readonly Row[]> {
    if (/^\s*(savepoint|rollback|set)\b/.test(text)) return this.inner[how](text, values)
    // Executed twice: once to be looked at, and undone. A plan made for `execute` follows the same settings as one made for
    // a statement of the protocol.
    await this.inner.query('savepoint explaining')
    const isKept = how === 'repeat' && this.#mayKeep
    // One that is kept is made without knowing any values sooner or later.
    if (isKept) await this.inner.query('set local plan_cache_mode = force_generic_plan')
    await this.inner.query(`prepare explained as ${text}`)
    const given = values.length === 0 ? '' : `(${values.map(literal).join(', ')})`
    const [row] = await this.inner.query(`explain (analyze, buffers, format json) execute explained${given}`)
    await this.inner.query('deallocate explained')
    await this.inner.query('rollback to explaining')
    // The server's own format.
    const [{ Plan: plan }] = JSON.parse(String(row?.[0])) as [{ Plan: PlanNode }]
    this.explained.push({
      text,
      isKept,
      scans: [...scansOf(plan)],
      pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
    })
    return this.inner[how](text, values)
  }
}

function* scansOf(node: PlanNode): Generator<Scan> {
  const table = node['Relation Name']
  const index = node['Index Name'] ?? null
  const each =
    (node['Actual Rows'] ?? 0) + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
  const rows = each * (node['Actual Loops'] ?? 1)
  const type = node['Node Type']
  if (type.includes('Scan') && (table !== undefined || index !== null)) {
    yield { type, table: table ?? tableOf(index ?? ''), index, rows }
  }
  for (const child of node.Plans ?? []) yield* scansOf(child)
}

/** A bitmap index scan names its index alone. */
function tableOf(index: string): string {
  return index.replace(/_.*/, '')
}

function literal(value: SqlValue): string {
  if (value === null) return 'null'
  return `'${String(value).replaceAll("'", "''")}'`
}
