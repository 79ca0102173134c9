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
  expect(counts()).toEqual(before.map((count, index) => (index < 3 ? count + 1 : count)))
  await a?.stop()
  expect(counts()).not.toEqual(before)
  await b?.stop()
  expect(counts()).toEqual(before)
})
