/** Bad input: dead letters with forensics, somebody is told; it is mended, retried as a group, and completes. */

import { jobKey } from '../figures/events.ts'
import { attemptsIn } from '../figures/prometheus.ts'
import type { Scene } from './scene.ts'

const GOOD = 10
const BAD = 3

export const poisonScene: Scene = {
  title: 'bad input',
  play: async (world) => {
    const { runner, service, checks } = world
    const files = [
      ...Array.from({ length: GOOD }, (_, file) => `good-${file}`),
      ...Array.from({ length: BAD }, (_, file) => `bad-${file}`),
    ]
    await runner.enqueueAll(files.map((file) => ['imports.load', [file]] as const))
    const { jobs: dead } = await world.until('the bad inputs are dead letters', 30_000, async () => {
      const list = await runner.dead.list({ name: 'imports.load' })
      return list.jobs.length === BAD ? list : null
    })
    checks.that(
      'each dead letter has forensics',
      dead.every(({ forensics, attempts }) => forensics !== undefined && attempts.length === 2),
      `${dead.map(({ error }) => error.message)[0]}`,
    )
    await world.until('the webhook is told of each', 30_000, () => (service.notices.length >= BAD ? true : null))
    const told = new Set(service.notices.map(({ id }) => id))
    checks.that(
      'the webhook is told of each dead letter',
      dead.every(({ id }) => told.has(id)) && told.size === BAD,
      `${service.notices.length} calls for ${told.size} dead letters`,
    )
    const groups = await runner.dead.groups({ name: 'imports.load' })
    checks.that(
      'they are one group',
      groups.length === 1 && groups[0]?.count === BAD,
      `groups of ${groups.map(({ count }) => count).join(', ')}`,
    )
    const failed = world.heard('job:exception').filter(({ payload }) => payload.outcome === 'failed').length
    const scrapes = await Promise.all(world.living.map((node) => node.scrape()))
    const scraped = scrapes.reduce((sum, { text }) => sum + attemptsIn(text, 'imports.load', 'failed'), 0)
    checks.that(
      'events, dead.list and Prometheus tell of as many',
      failed === BAD && scraped === BAD,
      `${failed} by events, ${dead.length} by dead.list, ${scraped} by Prometheus`,
    )

    service.isMended = true
    world.say('the inputs are mended')
    const fingerprint = groups[0]?.fingerprint ?? ''
    const { retried } = await runner.dead.retry({ fingerprint }, { by: 'soak', reason: 'the inputs are mended' })
    world.retried.set(jobKey('imports', 'imports.load'), retried)
    const count = await world.completed('imports', 30_000)
    checks.that(
      'the group is retried and completes',
      retried === BAD && count === GOOD + BAD,
      `${retried} retried, ${count} of ${GOOD + BAD} complete`,
    )
  },
}
