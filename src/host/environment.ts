/** What the process's surroundings say. */

import { userInfo } from 'node:os'

/** Whether the program runs in production, by the usual convention. */
export function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production'
}

/** The database that the variable DATABASE_URL names, of whatever kind; undefined when it is not set or empty. */
export function environmentDatabaseUrl(): string | undefined {
  const url = process.env['DATABASE_URL']
  return url === '' ? undefined : url
}

/** The account that the process runs as; its number where it has no name, as in some containers. */
export function userName(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
