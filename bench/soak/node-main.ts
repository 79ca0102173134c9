/**
 * A worker node of the load. Arguments: the URLs of the database and of the service. It tells every event to the parent, serves
 * `/metrics`, and ends when it is told to or when the parent is gone.
 */

import process from 'node:process'

import pg from 'pg'

import { EVENT_NAMES } from '../../src/runner/event-table.ts'
import { loadRunner } from './load.ts'
import { serveProbes } from './millrace.ts'
import { listenTo } from './listen.ts'
import { registerOpenTelemetry } from './open-telemetry.ts'
import type { FromNode, ToNode } from './told.ts'

const [database = '', service = ''] = process.argv.slice(2)
const readPoints = registerOpenTelemetry()
const pool = new pg.Pool({ connectionString: database, max: 4 })
const runner = loadRunner({ database, service }, pool)
listenTo(runner, EVENT_NAMES, (told) => send({ told }))
const probes = await serveProbes(runner, { port: 0 })

process.on('message', (message: ToNode) => {
  if (message === 'close') void close()
})
process.on('disconnect', () => process.exit())

await runner.start()
send({ isReady: true, metricsUrl: `${probes.url}/metrics` })

async function close(): Promise<void> {
  await runner.close()
  await probes.close()
  await pool.end()
  process.send?.({ isClosed: true, points: await readPoints() } satisfies FromNode, () => process.disconnect())
}

function send(message: FromNode): void {
  if (process.connected) process.send?.(message)
}
