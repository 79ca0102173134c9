/** The queues that exist: those of the configuration, and those that the store knows. */

import { suggestion } from '../job/suggest.ts'
import { notFoundError } from './cli-error.ts'
import type { OpenRunner } from './open-runner.ts'

/** Their names. */
export async function knownQueues({ runner, configuration }: OpenRunner): Promise<readonly string[]> {
  const stored = await runner.queues()
  return [...new Set([...(configuration?.queues ?? []), ...stored.map(({ name }) => name)])]
}

/** Throws for the first queue that nobody knows, with the nearest that is known. */
export function assertQueues(queues: readonly string[], known: readonly string[]): void {
  for (const queue of queues) {
    if (known.includes(queue)) continue
    const list = known.length === 0 ? 'there is no queue yet' : `the queues are ${known.slice(0, 20).join(', ')}`
    throw notFoundError(
      `no queue is called "${queue}"${suggestion(queue, known)}`,
      `${list}; a queue appears with its first job, or in \`queues\` of the configuration`,
    )
  }
}

/** What to say when nothing was found in a queue that does not exist; undefined when it does. */
export async function queueHint(open: OpenRunner, queue: string | undefined): Promise<string | undefined> {
  if (queue === undefined) return undefined
  const known = await knownQueues(open)
  return known.includes(queue) ? undefined : `no queue is called "${queue}"${suggestion(queue, known)}`
}
