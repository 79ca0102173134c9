/** The parent's side of a worker node: a process of its own that is heard, scraped, ended and killed. */

import { fork, type ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import type { LoadPlaces } from './load.ts'
import type { InstrumentPoint } from './open-telemetry.ts'
import type { FromNode, ToldEvent } from './told.ts'

const MAIN = fileURLToPath(new URL('./node-main.ts', import.meta.url))
const READY_MS = 30_000
const CLOSE_MS = 40_000
const SAID_MOST = 5_000

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** What a scrape answered: the counters are as they stood between the two times. */
export interface Scrape {
  readonly from: number
  readonly to: number
  readonly text: string
}

export class LoadNode {
  readonly name: string
  readonly pid: number
  /** The last scrape that was answered. */
  lastScrape: Scrape | null = null
  scrapes = 0
  /** What OpenTelemetry had when it ended in good order. */
  points: readonly InstrumentPoint[] = []
  killedAt: number | null = null
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #metricsUrl = ''
  #said = ''

  private constructor(name: string, child: ChildProcess) {
    this.name = name
    this.#child = child
    this.pid = child.pid ?? 0
    living.add(child)
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = `${this.#said}${chunk}`.slice(-SAID_MOST)
    })
    this.#ended = new Promise((resolve) => {
      child.once('close', () => {
        living.delete(child)
        resolve()
      })
    })
  }

  /** Starts a node and waits until it runs jobs. */
  static async start(name: string, places: LoadPlaces, hear: (told: ToldEvent) => void): Promise<LoadNode> {
    const child = fork(MAIN, [places.database, places.service], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      // Payloads have dates and errors in them.
      serialization: 'advanced',
    })
    const node = new LoadNode(name, child)
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`node ${name} did not start: ${node.#said}`)), READY_MS)
      child.on('message', (message: FromNode) => {
        if ('told' in message) hear(message.told)
        if (!('isReady' in message)) return
        clearTimeout(timer)
        node.#metricsUrl = message.metricsUrl
        resolve()
      })
      void node.#ended.then(() => reject(new Error(`node ${name} ended while it started: ${node.#said}`)))
    })
    return node
  }

  /** Reads its `/metrics`. */
  async scrape(): Promise<Scrape> {
    const from = Date.now()
    const answer = await fetch(this.#metricsUrl)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`/metrics of node ${this.name} answered ${answer.status}`)
    this.lastScrape = { from, to: Date.now(), text }
    this.scrapes += 1
    return this.lastScrape
  }

  /** Ends it at once, in the middle of what it does, and waits until it is gone. What it had said is heard. */
  async kill(): Promise<void> {
    this.killedAt = Date.now()
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Ends it in good order; answers whether it did. */
  async close(): Promise<boolean> {
    let isClosed = false
    this.#child.on('message', (message: FromNode) => {
      if (!('isClosed' in message)) return
      isClosed = true
      this.points = message.points
    })
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), CLOSE_MS)
    if (this.#child.connected) this.#child.send('close')
    await this.#ended
    clearTimeout(timer)
    return isClosed
  }
}
