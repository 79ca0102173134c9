/** All contenders, by the module that has them. A module is loaded only where one of its contenders runs. */

import type { Contender } from './contender.ts'

const MODULES: Readonly<Record<string, readonly string[]>> = {
  millrace: ['millrace', 'millrace-keep-0s', 'millrace-defaults', 'millrace-sqlite'],
  'graphile-worker': ['graphile-worker', 'graphile-worker-defaults'],
  'pg-boss': ['pg-boss'],
  bullmq: ['bullmq'],
  'bare-loop': ['bare-loop'],
  plainjob: ['plainjob'],
}

export const contenderNames: readonly string[] = Object.values(MODULES).flat()

/**
 * Loads a contender.
 *
 * @throws when there is none of that name, or its packages do not load.
 */
export async function loadContender(name: string): Promise<Contender> {
  const found = Object.entries(MODULES).find(([, names]) => names.includes(name))
  if (found === undefined) throw new Error(`there is no contender "${name}"; there are: ${contenderNames.join(', ')}`)
  const url = new URL(`./contenders/${found[0]}.mjs`, import.meta.url).href
  // Each module of contenders/ exports this list; they are not compiled, see contender.ts.
  const { contenders } = (await import(url)) as { contenders: readonly Contender[] }
  const contender = contenders.find((one) => one.name === name)
  if (contender === undefined) throw new Error(`contenders/${found[0]}.mjs has no contender "${name}"`)
  return contender
}
