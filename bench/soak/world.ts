/** What the scenes play in: the servers, the worker nodes, the runner that enqueues, and all that was heard. */

import { setTimeout as sleep } from 'node:timers/promises'

import pg from 'pg'

import type { JobSummary } from '../../src/index.ts'
import { PostgresServer, type PostgresPlace } from '../servers/postgres.ts'
import { EVENT_NAMES } from '../../src/runner/event-table.ts'
import { Checks } from './checks.ts'
import { listAll } from './figures/api.ts'
import { listenTo } from './listen.ts'
import { loadRunner, type LoadPlaces, type LoadRunner } from './load.ts'
import { serveProbes } from './millrace.ts'
import { LoadNode } from './node.ts'
import { registerOpenTelemetry, type InstrumentPoint } from './open-telemetry.ts'
import { LoadService } from './service.ts'
import { lineOf, timelineLine } from './timeline.ts'
import type { NodeEvent, ToldEvent } from './told.ts'

const POLL_MS = 50
const SCRAPE_EVERY_MS = 1_000
const TICK_EVERY_MS = 50
const TICK_LONGEST_MS = 40

export class World {
  readonly startedAt: number = Date.now()
  readonly events: NodeEvent[] = []
  readonly timeline: string[] = []
  readonly checks: Checks
  readonly nodes: LoadNode[] = []
  /** Dead letters that the scenes have brought back, by queue and name. */
  readonly retried = new Map<string, number>()
  readonly service: LoadService
  readonly runner: LoadRunner
  readonly pool: pg.Pool
  readonly serverText: string
  readonly parentMetrics: () => Promise<string>
  readonly parentPoints: () => Promise<readonly InstrumentPoint[]>
  readonly #places: LoadPlaces
  readonly #end: () => Promise<void>
  #scraper: NodeJS.Timeout | undefined
  #ticker: NodeJS.Timeout | undefined
  #ticks: Promise<unknown>[] = []
  scrapeErrors: string[] = []

  private constructor(parts: {
    readonly service: LoadService
    readonly places: LoadPlaces
    readonly pool: pg.Pool
    readonly runner: LoadRunner
    readonly metricsUrl: string
    readonly parentPoints: () => Promise<readonly InstrumentPoint[]>
    readonly serverText: string
    readonly end: () => Promise<void>
  }) {
    this.service = parts.service
    this.runner = parts.runner
    this.pool = parts.pool
    this.serverText = parts.serverText
    this.#places = parts.places
    this.#end = parts.end
    this.parentPoints = parts.parentPoints
    this.parentMetrics = async () => (await fetch(parts.metricsUrl)).text()
    this.checks = new Checks(({ name, holds, seen }) => this.say(`${holds ? '✓' : '✗ FAILED:'} ${name}: ${seen}`))
    listenTo(this.runner, EVENT_NAMES, (told) => this.#hear('parent', told))
  }

  /** Starts the servers, and the runner that enqueues; no worker yet. */
  static async start(): Promise<World> {
    const ends: (() => Promise<void>)[] = []
    const end = async () => {
      for (const step of ends.splice(0).reverse()) await step()
    }
    try {
      const server = await PostgresServer.start()
      ends.push(() => server.stop())
      const place: PostgresPlace = await server.freshPlace()
      ends.push(() => place.drop())
      const service = await LoadService.start()
      ends.push(() => service.close())
      const places = { database: place.url, service: service.url }
      const pool = new pg.Pool({ connectionString: place.url, max: 2 })
      ends.push(() => pool.end())
      const parentPoints = registerOpenTelemetry()
      const runner = loadRunner(places, pool)
      ends.push(() => runner.close())
      await runner.migrate()
      await pool.query('create table effects (order_id int not null, pid int not null)')
      const probes = await serveProbes(runner, { port: 0 })
      ends.push(() => probes.close())
      const metricsUrl = `${probes.url}/metrics`
      return new World({ service, places, pool, runner, metricsUrl, parentPoints, serverText: server.description, end })
    } catch (error) {
      await end()
      throw error
    }
  }

  /** A line of the timeline that no event tells. */
  say(words: string): void {
    this.#write(timelineLine(Date.now() - this.startedAt, '', words))
  }

  /** Starts one more worker node. */
  async startNode(): Promise<LoadNode> {
    const name = String.fromCodePoint('A'.charCodeAt(0) + this.nodes.length)
    const node = await LoadNode.start(name, this.#places, (told) => this.#hear(name, told))
    this.nodes.push(node)
    return node
  }

  get living(): readonly LoadNode[] {
    return this.nodes.filter(({ killedAt }) => killedAt === null)
  }

  /** Begins the steady load, and a scrape of each node in every second. */
  beginLoad(): void {
    let ticks = 0
    this.#ticker = setInterval(() => {
      ticks += 1
      this.#ticks.push(this.runner.enqueue('background.tick', [(ticks * 7) % TICK_LONGEST_MS]))
    }, TICK_EVERY_MS)
    this.#scraper = setInterval(() => {
      for (const node of this.living) {
        node.scrape().catch((error: unknown) => {
          if (node.killedAt === null) this.scrapeErrors.push(`${node.name}: ${String(error)}`)
        })
      }
    }, SCRAPE_EVERY_MS)
  }

  /** Ends the steady load. */
  async endLoad(): Promise<void> {
    clearInterval(this.#ticker)
    await Promise.all(this.#ticks)
  }

  endScrapes(): void {
    clearInterval(this.#scraper)
  }

  /** Waits until it is so, and answers what it is. @throws an error that names it when it is not so in time. */
  async until<Value>(what: string, limitMs: number, look: () => Value | null | Promise<Value | null>): Promise<Value> {
    const end = performance.now() + limitMs
    for (;;) {
      const value = await look()
      if (value !== null) return value
      if (performance.now() > end) throw new Error(`${what}: not within ${limitMs / 1_000} s`)
      await sleep(POLL_MS)
    }
  }

  /** The events of a name that came after a time. */
  heard<Name extends NodeEvent['event']>(
    name: Name,
    after = 0,
  ): readonly Extract<NodeEvent, { readonly event: Name }>[] {
    return this.events.filter(
      (told): told is Extract<NodeEvent, { readonly event: Name }> => told.event === name && told.at >= after,
    )
  }

  /** All jobs of a queue. */
  jobsIn(queue: string): Promise<readonly JobSummary[]> {
    return listAll((after) => this.runner.list({ queue, limit: 1_000, after }))
  }

  /** Waits until all jobs of a queue have completed; answers how many. */
  completed(queue: string, limitMs: number): Promise<number> {
    return this.until(`all jobs of ${queue} completed`, limitMs, async () => {
      const open = await this.runner.list({
        queue,
        state: ['queued', 'scheduled', 'running', 'failed', 'cancelled'],
        limit: 1,
      })
      return open.jobs.length > 0 ? null : (await this.jobsIn(queue)).length
    })
  }

  /** Ends all that was started, in the other order. */
  async end(): Promise<void> {
    clearInterval(this.#ticker)
    this.endScrapes()
    await Promise.allSettled(this.#ticks)
    await Promise.all(this.living.map((node) => node.close()))
    await this.#end()
  }

  #hear(node: string, told: ToldEvent): void {
    const event: NodeEvent = { ...told, node }
    this.events.push(event)
    const line = lineOf(event, this.startedAt)
    if (line !== null) this.#write(line)
  }

  #write(line: string): void {
    this.timeline.push(line)
    console.log(line)
  }
}
