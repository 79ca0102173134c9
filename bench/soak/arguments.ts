/** The command line of `npm run bench:soak`. */

import { parseArgs } from 'node:util'

export const USAGE = `usage: npm run bench:soak -- [options]
  --minutes N    how long the load lasts, 0.5 to 1440; default 5. What has begun is awaited, so it ends some two minutes later
  --out FOLDER   where the report is written as Markdown and JSON; default .millrace/bench`

export interface SoakArguments {
  readonly minutes: number
  readonly out: string
}

/**
 * Reads the arguments.
 *
 * @throws an error that names what is wrong.
 */
export function readArguments(args: readonly string[]): SoakArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: 'string', default: '5' },
      out: { type: 'string', default: '.millrace/bench' },
    },
  })
  const minutes = Number(values.minutes)
  if (minutes >= 0.5 && minutes <= 1_440) return { minutes, out: values.out }
  throw new Error(`--minutes is "${values.minutes}"; it is a number from 0.5 to 1440`)
}
