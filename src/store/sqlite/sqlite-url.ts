/** Database URLs of the embedded store. */

import { storeError } from '../errors.ts'

/** Where an embedded store lives. */
export type SqliteLocation = { readonly type: 'memory' } | { readonly type: 'file'; readonly path: string }

/**
 * Reads a URL such as `sqlite:./millrace.db`, `sqlite:///var/lib/app/jobs.db` or `sqlite::memory:`. The path is taken
 * literally, and is not looked at. Throws `ERR_STORE_OPEN` when it is no such URL.
 */
export function parseSqliteUrl(url: string): SqliteLocation {
  const refuse = (reason: string, cure: string): never => {
    throw storeError('ERR_STORE_OPEN', `database ${JSON.stringify(url)} ${reason}; ${cure}`)
  }
  const example = 'write sqlite:./millrace.db, sqlite:/var/lib/app/millrace.db or sqlite::memory:'
  if (!url.startsWith('sqlite:')) return refuse('is not a SQLite URL', example)
  const rest = url.slice('sqlite:'.length)
  if (rest === ':memory:') return { type: 'memory' }
  if (rest.startsWith(':')) return refuse('is not known', 'the only special database is sqlite::memory:')
  const path = rest.startsWith('//') ? rest.slice(2) : rest
  if (path === '') return refuse('names no file', example)
  if (rest.startsWith('//') && !/^(\/|\.{1,2}\/)/.test(path)) {
    return refuse('has a server part, which a file has not', `write sqlite:./${path} or sqlite:/${path}`)
  }
  if (/[?#]/.test(path)) return refuse('has options', 'a SQLite URL is only a path, without ? and #')
  if (path.includes('\0')) return refuse('has a NUL character in its path', example)
  if (/[\\/]$/.test(path)) return refuse('names a folder', `name a file in it, such as sqlite:${path}millrace.db`)
  return { type: 'file', path }
}
