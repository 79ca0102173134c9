/** The command line of `npm run bench`. */

import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run bench -- [options]
  --quick               small and short: ends within three minutes, and proves nothing
  --only A,B            only these scenarios
  --contenders A,B      only these contenders
  --rounds N            interleaved rounds, of which the median counts; default 3, with --quick 1
  --out FOLDER          where the report is written as Markdown and JSON; default .millrace/bench
  --profile             also a CPU profile of every process, in profiles/ of that folder; slows all`

export interface BenchArguments {
  readonly isQuick: boolean
  readonly scenarios: readonly string[]
  readonly contenders: readonly string[]
  readonly rounds: number
  readonly isProfiled: boolean
  readonly out: string
}

/**
 * Reads the arguments.
 *
 * @throws an error that names what is wrong and what there is.
 */
export function readArguments(
  args: readonly string[],
  known: { readonly scenarios: readonly string[]; readonly contenders: readonly string[] },
): BenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      contenders: { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'boolean', default: false },
      out: { type: 'string', default: '.millrace/bench' },
    },
  })
  return {
    isQuick: values.quick,
    scenarios: chosen('scenario', values.only, known.scenarios),
    contenders: chosen('contender', values.contenders, known.contenders),
    rounds: roundsIn(values),
    isProfiled: values.profile,
    out: values.out,
  }
}

/** The value of `--rounds`. */
export function roundsIn({ rounds, quick }: { readonly rounds?: string | undefined; readonly quick: boolean }): number {
  const value = Number(rounds ?? (quick ? 1 : 3))
  if (Number.isInteger(value) && value >= 1 && value <= 100) return value
  throw new Error(`--rounds is "${rounds}"; it is a number from 1 to 100`)
}

/** Those of a list with commas, in the order in which they are known; all without a list. */
export function chosen(what: string, list: string | undefined, known: readonly string[]): readonly string[] {
  if (list === undefined) return known
  const names = list.split(',').map((name) => name.trim())
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) throw new Error(`there is no ${what} "${unknown}"; there are: ${known.join(', ')}`)
  return known.filter((name) => names.includes(name))
}
