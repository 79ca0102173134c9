/** A dependency fails for a while: the breaker opens, jobs wait and burn no attempt; it mends, and all complete. */

import { setTimeout as sleep } from 'node:timers/promises'

import type { JobSummary } from '../../../src/index.ts'
import { OPEN_FOR_MS } from '../load.ts'
import type { World } from '../world.ts'
import type { Scene } from './scene.ts'

const CHARGES = 60
/** Open periods that are looked at. */
const PERIODS = 2

export const breakerScene: Scene = {
  title: 'the payment service is down',
  play: async (world) => {
    const { runner, service, checks } = world
    service.isDown = true
    const beganAt = Date.now()
    await runner.enqueueAll(Array.from({ length: CHARGES }, (_, order) => ['payments.charge', [order]] as const))
    try {
      for (let period = 1; period <= PERIODS; period += 1) await watchPeriod(world, beganAt, period)
    } finally {
      service.isDown = false
    }
    const mendedAt = Date.now()
    world.say('the payment service is mended')
    const closed = await world.until(
      'the breaker closes',
      30_000,
      () => world.heard('breaker:close').find(({ payload }) => payload.at.getTime() >= mendedAt) ?? null,
    )
    checks.that('the breaker closes after the service is mended', true, `${closed.at - mendedAt} ms later`)
    const count = await world.completed('payments', 60_000)
    checks.that('all charges complete', count === CHARGES + PERIODS, `${count} of ${CHARGES + PERIODS}`)
  },
}

/** Compares two pictures of the store within one open period. */
async function watchPeriod(world: World, beganAt: number, period: number): Promise<void> {
  const { runner, service, checks } = world
  const opened = await world.until(`the breaker opens (${period})`, 30_000, () => {
    const times = [...new Set(world.heard('breaker:open', beganAt).map(({ payload }) => payload.at.getTime()))]
    const openedAt = times[period - 1]
    return openedAt === undefined ? null : openedAt
  })
  // What was claimed before still runs.
  await world.until('no charge runs', OPEN_FOR_MS / 2, async () =>
    (await runner.list({ queue: 'payments', state: 'running', limit: 1 })).jobs.length === 0 ? true : null,
  )
  const calls = service.charges
  const before = await world.jobsIn('payments')
  const firstAt = Date.now()
  const handle = await runner.enqueue('payments.charge', [CHARGES + period])
  const why = await runner.explain(handle.id)
  checks.that(`a new charge waits for the breaker (${period})`, why?.waiting === 'breaker', `${why?.detail}`)
  await sleep(Math.max(0, opened + OPEN_FOR_MS - 600 - Date.now()))
  const after = new Map((await world.jobsIn('payments')).map((job) => [job.id, job]))
  const lastAt = Date.now()
  const callsAfter = service.charges
  const changed = before.filter((job) => attemptsAndState(job) !== attemptsAndState(after.get(job.id)))
  checks.that(
    `while it is open no job runs or uses an attempt (${period})`,
    changed.length === 0,
    `${before.length} jobs in two pictures ${lastAt - firstAt} ms apart, ${changed.length} changed`,
  )
  checks.that(
    `while it is open the service is not called (${period})`,
    callsAfter === calls,
    `${callsAfter - calls} calls`,
  )
  // A node may tell late that the period before was over.
  const half = await world.until(
    'it lets a probe through',
    30_000,
    () => world.heard('breaker:half-open').find(({ payload }) => payload.at.getTime() > opened) ?? null,
  )
  checks.that(
    `both pictures were taken in one open period (${period})`,
    half.payload.at.getTime() > lastAt && firstAt > opened,
    `open from ${firstAt - opened} ms before the first to ${half.payload.at.getTime() - lastAt} ms after the last`,
  )
}

function attemptsAndState(job: JobSummary | undefined): string {
  // A job that waits for its next attempt becomes due meanwhile: that is no run.
  return job === undefined ? 'gone' : `${job.attempt} ${job.state === 'scheduled' ? 'queued' : job.state}`
}
