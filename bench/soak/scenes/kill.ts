/** A node is killed in the middle of jobs: it is seen dead, its jobs run elsewhere, their effects are there once each. */

import type { LoadNode } from '../node.ts'
import type { World } from '../world.ts'
import type { Scene } from './scene.ts'

const ORDERS = 60
/** How many orders the victim must be running. */
const RUNNING = 3
/** On the machine where its process can be looked for. */
const SEEN_DEAD_MS = 10_000

export const killScene: Scene = {
  title: 'a node is killed',
  play: async (world) => {
    const { runner, checks, pool } = world
    const victim = world.living.at(-1)
    if (victim === undefined) throw new Error('there is no node to kill')
    await runner.enqueueAll(Array.from({ length: ORDERS }, (_, order) => ['orders.book', [order]] as const))
    const running = await world.until('the node runs orders', 30_000, () => {
      const ids = runningOn(world, victim)
      return ids.length >= RUNNING ? ids : null
    })
    world.say(`node ${victim.name} (pid ${victim.pid}) is killed while it runs ${running.length} orders`)
    await victim.kill()
    const killedAt = victim.killedAt ?? 0
    const seen = await world.until('nodes() shows it as dead', 30_000, async () => {
      const nodes = await runner.nodes()
      return nodes.some(({ pid, state }) => pid === victim.pid && state === 'dead') ? Date.now() : null
    })
    checks.that('the node is seen dead', seen - killedAt <= SEEN_DEAD_MS, `${seen - killedAt} ms after it was killed`)
    const rescue = await world.until(
      'its jobs are freed',
      30_000,
      () => world.heard('node:rescue', killedAt)[0] ?? null,
    )
    checks.that(
      'another node frees its jobs',
      rescue.node !== victim.name && rescue.payload.failed.length === 0,
      `${rescue.payload.requeued.length} jobs by ${rescue.node}, ${rescue.at - killedAt} ms after it was killed`,
    )
    const replacement = await world.startNode()
    const count = await world.completed('orders', 60_000)
    checks.that('all orders complete', count === ORDERS, `${count} of ${ORDERS}`)
    const { rows } = await pool.query<{ all: string; apart: string; there: string }>(
      `select count(*) as "all", count(distinct order_id) as apart, count(*) filter (where pid = ${replacement.pid}) as there from effects`,
    )
    const effects = rows[0]
    checks.that(
      'each order has one effect',
      Number(effects?.all) === ORDERS && Number(effects?.apart) === ORDERS,
      `${effects?.all} effects of ${effects?.apart} orders, ${effects?.there} of them by the replacement`,
    )
  },
}

function runningOn(world: World, { name }: LoadNode): readonly string[] {
  const ended = new Set([...world.heard('job:stop'), ...world.heard('job:exception')].map(({ payload }) => payload.id))
  return world
    .heard('job:start')
    .filter(({ node, payload }) => node === name && payload.queue === 'orders' && !ended.has(payload.id))
    .map(({ payload }) => payload.id)
}
