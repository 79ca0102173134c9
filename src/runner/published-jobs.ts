/**
 * What a node tells others of its jobs: names and settings, never code; and what a producer without code makes of that.
 *
 * A producer remembers what it read for a few seconds, so that enqueuing does not read each time and a new release of the
 * workers is noticed all the same.
 */

import type { Clock } from '../host/host.ts'
import { jobError } from '../job/errors.ts'
import type { JobSettings } from '../job/job-definition.ts'
import { isJobName, JOB_NAME_RULE } from '../job/job-name.ts'
import { parseKeyPath } from '../job/key-path.ts'
import type { Registry } from '../job/registry.ts'
import type { JobFunction } from '../job/typed-jobs.ts'
import type { PublishedJob, Store } from '../store/store.ts'
import type { EnqueueTarget } from './enqueuer.ts'

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

/** How long what was read counts. */
const REMEMBERED_MS = 5_000
/** A producer that makes up names must not fill the memory. */
const MOST_REMEMBERED = 1_000

/** What nodes published, as far as a producer has asked. One per client. */
export class PublishedTargets {
  readonly #clock: Clock
  readonly #store: Pick<Store, 'readPublishedJobs'>
  readonly #known = new Map<string, { readonly target: Promise<EnqueueTarget>; readonly readAt: number }>()

  constructor(clock: Clock, store: Pick<Store, 'readPublishedJobs'>) {
    this.#clock = clock
    this.#store = store
  }

  /**
   * What was published under a name; a name that no node has published has no settings.
   *
   * @throws `ERR_UNREGISTERED_FUNCTION` for a function, `ERR_UNKNOWN_JOB` for what cannot be the name of a job.
   */
  resolve(target: string | JobFunction): Promise<EnqueueTarget> {
    if (typeof target !== 'string') {
      throw jobError(
        'ERR_UNREGISTERED_FUNCTION',
        `a client has no functions; enqueue by name, such as "mailer.sendWelcome"`,
      )
    }
    const now = this.#clock.monotonic()
    const known = this.#known.get(target)
    if (known !== undefined && now - known.readAt < REMEMBERED_MS) return known.target
    if (!isJobName(target)) {
      throw jobError(
        'ERR_UNKNOWN_JOB',
        `${JSON.stringify(target.slice(0, 140))} cannot be the name of a job; ${JOB_NAME_RULE}`,
      )
    }
    if (this.#known.size >= MOST_REMEMBERED) this.#known.clear()
    const read = this.#read(target)
    this.#known.set(target, { target: read, readAt: now })
    read.catch(() => this.#known.delete(target))
    return read
  }

  async #read(name: string): Promise<EnqueueTarget> {
    const [published] = await this.#store.readPublishedJobs([name])
    return { name, options: published === undefined ? undefined : settingsOf(published) }
  }
}

function settingsOf(published: PublishedJob): EnqueueTarget['options'] {
  const { queue, priority, maxAttempts, backoff, timeoutMs, key } = published
  return {
    queue: queue ?? undefined,
    priority: priority ?? undefined,
    maxAttempts: maxAttempts ?? undefined,
    backoff: backoff ?? undefined,
    timeoutMs: timeoutMs ?? undefined,
    key: key === null || key === 'function' ? (key ?? undefined) : parseKeyPath(key),
    // Schemas are code: the worker checks the args when it runs the job.
    input: undefined,
  }
}
