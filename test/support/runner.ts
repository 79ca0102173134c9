/** Runners for tests: on a file of their own, quiet, with a trace to look at, closed when the test ends. */

import {
  createRunner,
  type JobModules,
  type LogRecord,
  type Runner,
  type RunnerEvents,
  type RunnerOptions,
} from 'millrace'
import { onTestFinished } from 'vitest'

import { tempDatabase } from './temp-database.ts'
import { TestTrace } from './test-host.ts'

/** A runner with what a test wants to see of it. */
export interface TestRunner<Jobs extends JobModules> {
  readonly runner: Runner<Jobs>
  readonly trace: TestTrace
  readonly logged: LogRecord[]
  readonly url: string
}

/** Options of a runner for tests. */
export interface TestRunnerOptions extends Omit<RunnerOptions, 'jobs' | 'host' | 'database'> {
  readonly database?: string
}

/** Makes a runner on a new database file, or on that of `database`. */
export function aRunner<const Jobs extends JobModules>(jobs: Jobs, options: TestRunnerOptions = {}): TestRunner<Jobs> {
  const url = options.database ?? tempDatabase().url
  // What a power cut would lose is no matter here; only SQLite has the choice.
  const quick = url.startsWith('sqlite:') ? ({ durability: 'process' } as const) : {}
  const trace = new TestTrace()
  const logged: LogRecord[] = []
  const host = { trace, logger: { log: (record: LogRecord) => void logged.push(record) } }
  const runner = createRunner({ ...quick, ...options, database: url, jobs, host })
  onTestFinished(() => runner.stop({ timeout: 0 }).then(() => runner.close()))
  return { runner, trace, logged, url }
}

/** The same, started. */
export async function aWorker<const Jobs extends JobModules>(
  jobs: Jobs,
  options: TestRunnerOptions = {},
): Promise<TestRunner<Jobs>> {
  const made = aRunner(jobs, options)
  await made.runner.start()
  return made
}

/** Collects the events of some names, in their order. */
export function eventsOf<const Name extends keyof RunnerEvents>(
  runner: Pick<Runner, 'on'>,
  ...names: readonly Name[]
): { readonly name: Name; readonly payload: RunnerEvents[Name] }[] {
  const events: { readonly name: Name; readonly payload: RunnerEvents[Name] }[] = []
  for (const name of names) runner.on(name, (payload) => events.push({ name, payload }))
  return events
}
