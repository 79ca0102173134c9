/** What a node tells others of its jobs: names and settings, never code. */

import type { JobSettings } from '../job/job-definition.ts'
import type { Registry } from '../job/registry.ts'
import type { PublishedJob } from '../store/store.ts'

/** The jobs of a registry in published form; an alias is published like a name of its own. */
export function publishedJobs(registry: Registry): PublishedJob[] {
  return registry.jobs().flatMap(({ name, aliases, options }) =>
    [name, ...aliases].map((published) => ({
      name: published,
      queue: options?.queue ?? null,
      priority: options?.priority ?? null,
      maxAttempts: options?.maxAttempts ?? null,
      backoff: typeof options?.backoff === 'function' ? ('function' as const) : (options?.backoff ?? null),
      timeoutMs: options?.timeoutMs ?? null,
      key: publishedKey(options?.key),
    })),
  )
}

/** The path as text again, in the form that every step may take. */
function publishedKey(key: JobSettings['key']): string | null {
  if (key === undefined) return null
  if (typeof key === 'function') return 'function'
  return `args${key.map((step) => `[${JSON.stringify(step)}]`).join('')}`
}
