/** What a worker says when it has started. It fits twelve lines, however much there is. */

import { VERSION } from '../../runner/version.ts'
import type { OpenRunner } from '../open-runner.ts'
import { cleanLine } from '../output/clean-text.ts'
import type { Session } from '../session.ts'
import { concurrencyOption } from '../../runner/scale-options.ts'
import { concurrencyText } from '../output/concurrency-text.ts'

const LONGEST_LIST = 8

/** What a worker was started with. */
export interface StartedWith {
  /** `--queues`. */
  readonly queues: readonly string[] | undefined
  /** Where its probes are; undefined without them. */
  readonly probes: string | undefined
}

/** The first screen, in lines. */
export function firstScreen(
  { terminal }: Session,
  { configuration, database, runner }: OpenRunner,
  { queues: wanted, probes }: StartedWith,
): string[] {
  const { bold, dim } = terminal.wordColors
  const jobs = configuration?.registry.jobs() ?? []
  const queues = wanted ?? configuration?.queues ?? Object.keys(runner.inspect().worker?.demand ?? {})
  const line = (title: string, text: string): string => `  ${dim(title.padEnd(7))} ${text}`
  const shown = queues.map((queue) => {
    const settings = configuration?.settingsOf(queue)
    return settings === undefined ? queue : `${queue} ×${concurrencyText(concurrencyOption(settings.concurrency))}`
  })
  return [
    `${bold('millrace')} ${VERSION} runs jobs  ${dim(`(pid ${process.pid})`)}`,
    ...(database === undefined ? [] : [line('store', cleanLine(database))]),
    line('queues', listOf(shown, LONGEST_LIST)),
    ...(configuration === undefined ? [] : [line('jobs', jobsText(jobs.map(({ name }) => name)))]),
    ...jobs.slice(0, 1).map(({ name, fn }) => line('try', `enqueue one: ${exampleCall(name, fn.length)}`)),
    ...(probes === undefined ? [] : [line('probes', `${probes}/livez, /readyz, /metrics, /scaling`)]),
    line('stop', 'Ctrl-C'),
  ]
}

/** The same as data. */
export function startedDocument(
  { configuration, database, runner }: OpenRunner,
  { queues: wanted, probes }: StartedWith,
): Readonly<Record<string, unknown>> {
  const queues = wanted ?? configuration?.queues ?? Object.keys(runner.inspect().worker?.demand ?? {})
  return {
    event: 'started',
    millrace: VERSION,
    pid: process.pid,
    store: database ?? null,
    queues: queues.map((name) => ({
      name,
      concurrency: configuration === undefined ? null : concurrencyOption(configuration.settingsOf(name).concurrency),
    })),
    jobs: configuration?.registry.names() ?? null,
    ...(probes === undefined ? {} : { probes }),
  }
}

function jobsText(names: readonly string[]): string {
  if (names.length === 0) return 'none: register modules under `jobs` of createRunner'
  return names.length > LONGEST_LIST ? `${names.length}: ${listOf(names, LONGEST_LIST)}` : listOf(names, LONGEST_LIST)
}

function exampleCall(name: string, parameters: number): string {
  return `millrace enqueue ${name}${parameters === 0 ? '' : ` --args '[…]'`}`
}

function listOf(words: readonly string[], most: number): string {
  const rest = words.length - most
  return [...words.slice(0, most).map((word) => cleanLine(word, 60)), ...(rest > 0 ? [`and ${rest} more`] : [])].join(
    ', ',
  )
}
