/** What the process's surroundings say. */

/** Whether the program runs in production, by the usual convention. */
export function isProduction(): boolean {
  return process.env['NODE_ENV'] === 'production'
}

/** The resident memory of the process, in bytes. */
export function residentMemoryBytes(): number {
  return process.memoryUsage.rss()
}
