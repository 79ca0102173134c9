import { expect, it } from 'vitest'

import { aRunner } from '../../support/runner.ts'

const EVENTS = ['unhandledRejection', 'uncaughtExceptionMonitor', 'exit', 'SIGINT', 'SIGTERM'] as const

/** How many listeners the process has. */
const counts = (): number[] => EVENTS.map((event) => process.listenerCount(event))

it('a runner listens to the process only while it runs, once for all runners, and to no signal', async () => {
  const before = counts()
  const [a, b, apart] = [aRunner({}), aRunner({}), aRunner({})].map(({ runner }) => runner)
  expect(counts()).toEqual(before)
  await Promise.all([a?.start(), b?.start(), apart?.start({ blame: false })])
  // One for the workers, and one for the threads of the stores.
  expect(counts()).toEqual(before.map((count, index) => count + ([1, 1, 2][index] ?? 0)))
  await a?.close()
  expect(counts()).toEqual(before.map((count, index) => count + ([1, 1, 2][index] ?? 0)))
  await b?.close()
  expect(counts()).toEqual(before.map((count, index) => count + ([0, 0, 1][index] ?? 0)))
  await apart?.close()
  expect(counts()).toEqual(before)
})
