/** Filters as users write them, read into those of the store. */

import { isUuid } from '../host/uuid.ts'
import { jobError, listProblems } from '../job/errors.ts'
import { JOB_STATES, type JobState } from '../job/job.ts'
import { optionReader, type OptionReader } from '../job/option-reader.ts'
import type { JobFilter, JobQuery } from '../store/store.ts'

const FILTER_NAMES = ['state', 'queue', 'name', 'key', 'tag', 'fingerprint'] as const
const LIST_NAMES = [...FILTER_NAMES, 'search', 'limit', 'after'] as const

/** A search looks at this many of the newest jobs that match the other conditions. */
export const SEARCH_LIMIT = 10_000

/** Reads the options of `list`. Throws `ERR_BAD_OPTIONS` with every problem. */
export function readListOptions(value: unknown, defaultLimit: number): JobQuery {
  return read(value ?? {}, 'list', LIST_NAMES, (reader) => ({
    ...readFilterFrom(reader),
    search: readText(reader, 'search'),
    limit: reader.integer('limit', 1, 1_000) ?? defaultLimit,
    after: readText(reader, 'after'),
    searchLimit: SEARCH_LIMIT,
  }))
}

/** What a bulk verb is about: one id, or all that match. Throws `ERR_BAD_OPTIONS` with every problem. */
export function readTarget(value: unknown, verb: string): { readonly id: string } | { readonly filter: JobFilter } {
  if (typeof value === 'string') return { id: value }
  if (value === null || typeof value !== 'object') {
    throw jobError(
      'ERR_BAD_OPTIONS',
      `${verb} takes an id or a filter such as { queue: "email" }, not ${kindOf(value)}`,
    )
  }
  return { filter: read(value, verb, FILTER_NAMES, readFilterFrom) }
}

/** An id in the form in which it is stored. Throws `ERR_BAD_OPTIONS` for what is no text. */
export function storedId(id: unknown): string {
  if (typeof id !== 'string') {
    throw jobError('ERR_BAD_OPTIONS', `the id of a job is a string, such as the id of a handle, not ${kindOf(id)}`)
  }
  return isUuid(id) ? id.toLowerCase() : id
}

function kindOf(value: unknown): string {
  return value === null ? 'null' : typeof value
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

function readFilterFrom(reader: OptionReader): JobFilter {
  return {
    states: readStates(reader),
    queue: readText(reader, 'queue'),
    name: readText(reader, 'name'),
    key: readText(reader, 'key'),
    tag: readText(reader, 'tag'),
    fingerprint: readText(reader, 'fingerprint'),
  }
}

function readStates(reader: OptionReader): readonly JobState[] | undefined {
  const value = reader.get('state')
  if (value === undefined) return undefined
  const states: JobState[] = []
  for (const given of Array.isArray(value) ? (value as readonly unknown[]) : [value]) {
    const state = JOB_STATES.find((one) => one === given)
    if (state !== undefined) states.push(state)
    else
      reader.problem(
        `state ${JSON.stringify(given) ?? 'undefined'} does not exist; the states are ${JOB_STATES.join(', ')}`,
      )
  }
  return states
}

function readText(reader: OptionReader, name: string): string | undefined {
  const value = reader.get(name)
  if (value === undefined || typeof value === 'string') return value
  reader.problem(`option "${name}" is ${typeof value}; it must be a string`)
  return undefined
}
