import { job } from 'millrace'
import { expect, it } from 'vitest'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aWorker, eventsOf } from '../../support/runner.ts'

it('handlers that go on although they were told to stop are told of, and the node when they are too many', async () => {
  const release = gate()
  const work = { ignore: job({ timeout: 50, maxAttempts: 1 }, () => release.passed) }
  const { runner } = await aWorker({ work }, { stuckLimit: 2, queues: { default: { concurrency: 3 } } })
  const events = eventsOf(runner, 'job:stuck', 'node:stuck')
  const handles = await runner.enqueueAll(Array.from({ length: 3 }, () => [work.ignore, []] as const))
  await Promise.all(handles.map((handle) => expect(handle.result()).rejects.toThrow('did not heed its signal')))
  await eventually(() => events.length === 4)
  const node = runner.inspect().worker?.node
  expect(events.map(({ name, payload }) => [name, payload.stuck])).toEqual([
    ['job:stuck', 1],
    ['job:stuck', 2],
    ['node:stuck', 2],
    ['job:stuck', 3],
  ])
  expect(events[0]?.payload).toMatchObject({ name: 'work.ignore', queue: 'default', attempt: 1 })
  expect(events[2]?.payload).toEqual({ node, stuck: 2 })
  // It goes on: whether to stop is for whoever runs it to say.
  expect(runner.inspect()).toMatchObject({ state: 'running', worker: { stuck: 3 } })
  release.open()
  await eventually(() => runner.inspect().worker?.stuck === 0)
}, 20_000)
