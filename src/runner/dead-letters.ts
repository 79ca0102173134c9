/**
 * `runner.dead`: reads dead letters, groups them, and retries, drops and exports them. What changes many goes in chunks, from
 * the newest id to the oldest, so that no statement is large, nobody waits for long, and each is met once.
 */

import type { Host } from '../host/host.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { jsonText } from '../job/json-text.ts'
import { optionReader, type OptionReader } from '../job/option-reader.ts'
import type {
  BulkAnswer,
  ErrorGroupQuery,
  JobFilter,
  JobTarget as StoreTarget,
  RetrySpread,
  Store,
} from '../store/store.ts'
import { readListOptions, readTarget, storedId } from './filters.ts'
import { deadLetter, errorGroup, type DeadLetter, type ErrorGroup } from './job-view.ts'
import { OPERATOR_OPTIONS, orderFrom } from './operators.ts'
import type { JobList, SkippedJob } from './runner.ts'

/** What access to dead letters needs. */
export interface DeadLetterAccessOptions {
  readonly store: Store
  /** Throws when the runner was closed. */
  readonly use: () => void
  /** Jobs may have become ready. */
  readonly onRetried: () => void
}

const CHUNK = 500
const EXPORT_CHUNK = 200

/** See the head of this file. */
export class DeadLetterAccess {
  readonly #host: Host
  readonly #options: DeadLetterAccessOptions

  constructor(host: Host, options: DeadLetterAccessOptions) {
    this.#host = host
    this.#options = options
  }

  async list(filter?: unknown): Promise<JobList<DeadLetter>> {
    this.#options.use()
    const query = readListOptions(withoutState(filter, 'dead.list'), 50)
    const { dead, next, searched } = await this.#options.store.readDead(query)
    return {
      jobs: dead.map(deadLetter),
      ...(next === null ? {} : { next }),
      ...(query.search === undefined ? {} : { searched: { jobs: searched.jobs, complete: searched.isComplete } }),
    }
  }

  async groups(filter?: unknown): Promise<readonly ErrorGroup[]> {
    return this.groupsOf('dead', filter)
  }

  async groupsOf(of: ErrorGroupQuery['of'], filter: unknown = {}): Promise<readonly ErrorGroup[]> {
    this.#options.use()
    const query = read(filter, of === 'dead' ? 'dead.groups' : 'errors', ['name', 'since'], (reader) => ({
      name: readName(reader),
      sinceMs: reader.duration('since'),
    }))
    return (await this.#options.store.readErrorGroups({ of, ...query })).map(errorGroup)
  }

  async retry(
    target: unknown,
    options: unknown = {},
  ): Promise<{ retried: number; skipped: readonly SkippedJob[]; lastInMs: number }> {
    const verb = 'dead.retry'
    const { stepMs, signal, order } = read(options, verb, ['rate', 'signal', ...OPERATOR_OPTIONS], (reader) => ({
      stepMs: readStep(reader),
      signal: readSignal(reader),
      order: orderFrom(this.#host, verb, reader),
    }))
    const { store, onRetried } = this.#options
    const { clock } = this.#host
    const startedAt = clock.monotonic()
    let lastInMs = 0
    // The chunks take time themselves: what is due meanwhile is due at once.
    const spreadFrom = (count: number): RetrySpread => ({
      dueInMs: Math.max(0, count * stepMs - (clock.monotonic() - startedAt)),
      stepMs,
    })
    const { changed, skipped } = await this.#change(verb, { target, signal }, async (wanted, count) => {
      const spread = spreadFrom(count)
      const answer = await store.retryJobs(wanted, { order, spread })
      if (answer.changed.length > 0) lastInMs = spread.dueInMs + stepMs * (answer.changed.length - 1)
      onRetried()
      return answer
    })
    return { retried: changed, skipped, lastInMs: Math.round(lastInMs) }
  }

  async drop(target: unknown, options: unknown = {}): Promise<{ dropped: number; skipped: readonly SkippedJob[] }> {
    const verb = 'dead.drop'
    const { signal, order } = read(options, verb, ['signal', ...OPERATOR_OPTIONS], (reader) => ({
      signal: readSignal(reader),
      order: orderFrom(this.#host, verb, reader),
    }))
    const { changed, skipped } = await this.#change(verb, { target, signal }, (wanted) =>
      this.#options.store.deleteJobs(wanted, order),
    )
    return { dropped: changed, skipped }
  }

  export(filter?: unknown): AsyncIterable<string> {
    this.#options.use()
    // Read now, so that what is wrong with it is thrown to the caller.
    const query = readListOptions(withoutState(filter, 'dead.export'), EXPORT_CHUNK)
    return this.#lines(query)
  }

  async *#lines(query: ReturnType<typeof readListOptions>): AsyncGenerator<string> {
    let { after } = query
    do {
      this.#options.use()
      const { dead, next } = await this.#options.store.readDead({ ...query, after })
      for (const details of dead) yield `${jsonText(deadLetter(details))}\n`
      after = next ?? undefined
    } while (after !== undefined)
  }

  /** Changes one dead letter, or all that match; `call` is told how many were changed before. */
  async #change(
    verb: string,
    { target, signal }: { readonly target: unknown; readonly signal: AbortSignal | undefined },
    call: (target: StoreTarget, count: number) => Promise<BulkAnswer>,
  ): Promise<{ changed: number; skipped: readonly SkippedJob[] }> {
    this.#options.use()
    const wanted = readTarget(typeof target === 'string' ? target : withoutState(target, verb), verb)
    if ('id' in wanted) {
      const { changed, skipped } = await this.#changeOne(storedId(wanted.id), (one) => call(one, 0))
      return { changed: changed.length, skipped }
    }
    const filter: JobFilter = { ...wanted.filter, states: ['failed'] }
    let changed = 0
    let after: string | undefined
    do {
      signal?.throwIfAborted()
      const answer = await call({ filter, limit: CHUNK, after }, changed)
      changed += answer.changed.length
      after = answer.next ?? undefined
    } while (after !== undefined)
    return { changed, skipped: [] }
  }

  async #changeOne(
    id: string,
    call: (target: StoreTarget) => Promise<BulkAnswer>,
  ): Promise<Pick<BulkAnswer, 'changed' | 'skipped'>> {
    // The verbs of the store take cancelled and waiting jobs too.
    const details = await this.#options.store.readJob(id)
    const state = details?.job.state
    if (state !== undefined && state !== 'failed') return { changed: [], skipped: [{ id, reason: state }] }
    return call({ ids: [id] })
  }
}

function read<Read>(
  value: unknown,
  of: string,
  names: readonly string[],
  readFrom: (reader: OptionReader) => Read,
): Read {
  const problems: string[] = []
  const result = readFrom(optionReader({ value, of, names, problems }))
  if (problems.length > 0) throw jobError('ERR_BAD_OPTIONS', listProblems(of, problems))
  return result
}

/** Dead letters are in one state: another one would mean nothing. */
function withoutState(filter: unknown, of: string): unknown {
  if (typeof filter === 'object' && filter !== null && 'state' in filter && filter.state !== undefined) {
    throw jobError('ERR_BAD_OPTIONS', `${of} has no option "state": dead letters are the failed jobs`)
  }
  return filter
}

function readName(reader: OptionReader): string | undefined {
  const value = reader.get('name')
  if (value === undefined || typeof value === 'string') return value
  reader.problem(`option "name" is ${typeof value}; it must be a string`)
  return undefined
}

function readSignal(reader: OptionReader): AbortSignal | undefined {
  const value = reader.get('signal')
  if (value === undefined || value instanceof AbortSignal) return value
  reader.problem('option "signal" must be an AbortSignal')
  return undefined
}

/** How many milliseconds lie between two jobs. */
function readStep(reader: OptionReader): number {
  const value = reader.get('rate')
  if (value === undefined) return 0
  const rate = optionReader({ value, of: 'rate', names: ['limit', 'per'], problems: reader.problems })
  const limit = rate.integer('limit', 1, 1_000_000)
  const perMs = rate.duration('per', { isZeroAllowed: false })
  if (limit !== undefined && perMs !== undefined) return perMs / limit
  const isMissing = typeof value === 'object' && value !== null && !('limit' in value && 'per' in value)
  if (isMissing) rate.problem('option "rate" needs a limit and a time, such as { limit: 50, per: "1s" }')
  return 0
}
