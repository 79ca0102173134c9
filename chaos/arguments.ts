/** The command line of `npm run chaos`. */

import { parseArgs } from 'node:util'

import { PROFILES, type Profile, type StoreName } from './profiles.ts'

export const USAGE = `usage: npm run chaos -- [options]
  --profile NAME        ci: about half a minute, the default; full: about eight; recovery: about five, kills and nothing else
  --store A,B           sqlite, postgres; default both, one after the other
  --seed N              what decides jobs, faults and their times; default 1
  --out FOLDER          also writes the reports there, as Markdown and JSON
  --planted             plants bugs into copies of the build: each has to be caught
  --only A,B            with --planted: only these bugs
  --keep                keeps the journals of the processes, and says where they are`

const STORES = ['sqlite', 'postgres'] as const

/** What was asked for. */
export interface ChaosArguments {
  readonly profile: Profile
  readonly stores: readonly StoreName[]
  readonly seed: number
  readonly out: string | undefined
  readonly isPlanted: boolean
  readonly only: readonly string[] | undefined
  readonly isKept: boolean
}

/**
 * Reads the arguments.
 *
 * @throws an error that names what is wrong and what there is.
 */
export function readArguments(args: readonly string[]): ChaosArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      profile: { type: 'string', default: 'ci' },
      store: { type: 'string', default: STORES.join(',') },
      seed: { type: 'string', default: '1' },
      out: { type: 'string' },
      planted: { type: 'boolean', default: false },
      only: { type: 'string' },
      keep: { type: 'boolean', default: false },
    },
  })
  const profile = PROFILES[values.profile]
  if (profile === undefined)
    throw new Error(`there is no profile "${values.profile}"; there are: ${Object.keys(PROFILES).join(', ')}`)
  const named = values.store.split(',').map((name) => name.trim())
  const unknown = named.find((name) => !STORES.some((store) => store === name))
  if (unknown !== undefined) throw new Error(`there is no store "${unknown}"; there are: ${STORES.join(', ')}`)
  const seed = Number(values.seed)
  if (!Number.isInteger(seed) || seed < 0 || seed > 0xffff_ffff)
    throw new Error(`--seed is "${values.seed}"; it is a whole number up to 4294967295`)
  return {
    profile,
    stores: STORES.filter((store) => named.includes(store)),
    seed,
    out: values.out,
    isPlanted: values.planted,
    only: values.only?.split(',').map((name) => name.trim()),
    isKept: values.keep,
  }
}
