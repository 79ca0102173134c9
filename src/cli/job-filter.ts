/** The options that choose jobs, for every command that has them. */

import { Option, type Command } from 'commander'

import type { JobFilterOptions, JobState } from '../index.ts'
import { stateList } from './option-values.ts'

/** The options as they are parsed. */
export interface FilterFlags {
  readonly state?: readonly JobState[] | undefined
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly key?: string | undefined
  readonly tag?: string | undefined
  readonly fingerprint?: string | undefined
}

/** Adds `--state` and the rest to a command. */
export function addFilterOptions(command: Command, { hasState }: { readonly hasState: boolean }): Command {
  if (hasState) {
    command.addOption(new Option('--state <states>', 'in these states, with commas between them').argParser(stateList))
  }
  return command
    .option('--queue <queue>', 'in this queue')
    .option('--name <name>', 'with this job name, such as mailer.sendWelcome')
    .option('--key <key>', 'with this key')
    .option('--tag <tag>', 'with this tag')
    .option('--fingerprint <digits>', 'that failed with this fingerprint: see `millrace dead groups`')
}

/** Adds `--database` and `--schema` to a command. */
export function addDatabaseOption(command: Command): Command {
  return command
    .option(
      '--url, --database <url>',
      'the database, such as postgres://… or sqlite:./millrace.db (default: that of the configuration)',
    )
    .option('--schema <name>', 'the schema of its tables on PostgreSQL (default: millrace)')
}

/** The filter that the options mean. */
export function readFilter({ state, queue, name, key, tag, fingerprint }: FilterFlags): JobFilterOptions {
  return { state, queue, name, key, tag, fingerprint }
}

/** Whether any condition was given. */
export function isFiltered(flags: FilterFlags): boolean {
  return Object.values(readFilter(flags)).some((condition) => condition !== undefined)
}

/** The filter in words: `all failed jobs in queue "email"`. */
export function describeFilter(flags: FilterFlags, states: readonly JobState[]): string {
  const { queue, name, key, tag, fingerprint } = flags
  const conditions = [
    queue === undefined ? [] : [`in queue "${queue}"`],
    name === undefined ? [] : [`named "${name}"`],
    key === undefined ? [] : [`with key "${key}"`],
    tag === undefined ? [] : [`with tag "${tag}"`],
    fingerprint === undefined ? [] : [`with fingerprint ${fingerprint}`],
  ].flat()
  return [`${listOfStates(states)} jobs`, ...conditions].join(' ')
}

/** Such as `failed and cancelled`. */
export function listOfStates(states: readonly JobState[]): string {
  return states.length < 2 ? states.join('') : `${states.slice(0, -1).join(', ')} and ${states.at(-1) ?? ''}`
}
