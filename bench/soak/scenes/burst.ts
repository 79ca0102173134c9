/** A burst on a queue whose consumers follow its load. That they become fewer again is looked at when the run ends. */

import { BURST_CONCURRENCY } from '../load.ts'
import type { World } from '../world.ts'
import type { Scene } from './scene.ts'

const PAGES = 1_000
/** Half a minute of slack, then a step every ten seconds; and time for a machine that is busy. */
const DOWN_LIMIT_MS = 180_000

export const burstScene: Scene = {
  title: 'a burst',
  play: async (world) => {
    const { runner, checks } = world
    const beganAt = Date.now()
    await runner.enqueueAll(Array.from({ length: PAGES }, (_, page) => ['burst.render', [page]] as const))
    const count = await world.completed('burst', 120_000)
    checks.that(
      'all pages of the burst complete',
      count === PAGES,
      `${count} of ${PAGES} in ${Date.now() - beganAt} ms`,
    )
    for (const { name } of world.living) {
      const most = Math.max(0, ...stepsOf(world, name))
      checks.that(`consumers of the burst become more on node ${name}`, most > BURST_CONCURRENCY.min, `${most} at most`)
    }
  },
}

/** Waits until the consumers that the burst had called for are gone. */
export async function checkScaledDown(world: World): Promise<void> {
  const { min } = BURST_CONCURRENCY
  const scaled = world.living.filter(({ name }) => stepsOf(world, name).some((to) => to > min))
  const isDown = () => scaled.every(({ name }) => stepsOf(world, name).at(-1) === min)
  await world
    .until('consumers of the burst become fewer', DOWN_LIMIT_MS, () => (isDown() ? true : null))
    .catch(() => {})
  world.checks.that(
    'consumers of the burst become fewer again',
    scaled.length > 0 && isDown(),
    scaled.map(({ name }) => `${name}: ${stepsOf(world, name).join(' → ')}`).join('; '),
  )
}

/** How many consumers the burst had on a node, decision by decision. */
function stepsOf(world: World, node: string): readonly number[] {
  return world
    .heard('queue:scale')
    .filter((told) => told.node === node && told.payload.queue === 'burst')
    .map(({ payload }) => payload.to)
}
