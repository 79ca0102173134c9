/**
 * What a user may say of a database: a URL, or a pool; and the schema in it. Apart from what needs the types of `pg`: these are
 * part of the public API, and not everybody has that package.
 */

/** A pool of the package `pg`, as far as it is looked at. */
export interface PoolLike {
  readonly options: object
  connect(): Promise<unknown>
}

/** Whether the value looks like a pool of the package `pg`. */
export function isPool(value: unknown): value is PoolLike {
  if (typeof value !== 'object' || value === null) return false
  const { options, connect } = value as { options?: unknown; connect?: unknown }
  return typeof options === 'object' && options !== null && typeof connect === 'function'
}

/** Whether the text is a URL of PostgreSQL. */
export function isPostgresUrl(text: string): boolean {
  return /^postgres(ql)?:\/\//i.test(text)
}

/** What is wrong with the name of a schema; undefined when nothing is. */
export function schemaProblem(schema: unknown): string | undefined {
  if (typeof schema === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,47}$/.test(schema)) return undefined
  const shown = typeof schema === 'string' ? JSON.stringify(schema) : typeof schema
  return `is ${shown}; it must be a name of letters, digits and underscores, at most 48, such as "millrace"`
}
