/** What the process's surroundings say. */

/** Whether the program runs in production, by the usual convention. */
export function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production'
}

/** The database that the variable DATABASE_URL names, of whatever kind; undefined when it is not set or empty. */
export function environmentDatabaseUrl(): string | undefined {
  const url = process.env['DATABASE_URL']
  return url === '' ? undefined : url
}
