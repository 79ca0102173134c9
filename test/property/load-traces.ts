/**
 * Loads that the autoscaler is tried on, as jobs that come in each second. Two were recorded: what `dpkg` wrote into its log
 * while it installed packages, line by line. The others have shapes that loads of queues have. Each is calm again at its end.
 */

/** A load, and what it may have of consumers. */
export interface LoadTrace {
  readonly name: string
  readonly perSecond: readonly number[]
  /** From this second on it is calm. */
  readonly calmFrom: number
  readonly meanRunMs: number
  readonly most: number
}

/** So many jobs in each of so many seconds. */
export function steady(seconds: number, perSecond: number): number[] {
  return Array.from({ length: seconds }, () => perSecond)
}

const FIRST_INSTALLATION = recorded(
  '27 0 0 0 13 6 7 19 14 32 30 34 35 15 3 18 24 25 17 19 20 4 18 17 18 6 13 14 122 93 80 0',
  '0 30 35 28 64 9 41 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
  '0 0 0 0 0 0 0 1 18 13 19 39 24 8 6 10 5 1 26 24 6 0 0 0 0 0 0 0 0 0 0 0',
  '0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 3 1 5 4 3 0 18 11 0 0 3 13 11 13 17',
  '4 12 15 9 8 4 6 11 3 3 6 6 6 6 0 0 6 0 4 3 5 3 6 3 3 3 3 0 0 0 7 20',
  '19 24 8 13 46 0 0 80 85 11 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0',
)

const SECOND_INSTALLATION = recorded(
  '5 0 0 0 6 0 0 0 0 0 0 0 0 0 0 0 47 33 40 35 35 5 0 0 27 18 57 36 33 46 55 16',
  '12 13 10 60 52 59 96 95 173 92 141 109 12',
)

/** See the head of this file. */
export const LOAD_TRACES: readonly LoadTrace[] = [
  trace('an installation, recorded', [steady(60, 1), FIRST_INSTALLATION], { meanRunMs: 300 }),
  trace('another, which ends at its height', [steady(60, 1), SECOND_INSTALLATION], { meanRunMs: 300 }),
  trace('a mailing', [steady(120, 2), steady(20, 60)], { after: 2 }),
  trace('a morning', [steady(120, 1), steady(60, 4), steady(60, 10), steady(60, 18)], { after: 3 }),
  trace('a job of every hour', [steady(300, 0), steady(2, 400)], {}),
  trace('an import in waves', [steady(60, 1), ...[0, 1, 2].flatMap(() => [steady(30, 20), steady(30, 2)])], {}),
]

function recorded(...lines: readonly string[]): readonly number[] {
  return lines.flatMap((line) => line.split(' ').map(Number))
}

function trace(
  name: string,
  parts: readonly (readonly number[])[],
  { after = 1, meanRunMs = 800 }: { readonly after?: number; readonly meanRunMs?: number },
): LoadTrace {
  const loaded = parts.flat()
  return { name, perSecond: [...loaded, ...steady(900, after)], calmFrom: loaded.length, meanRunMs, most: 40 }
}
