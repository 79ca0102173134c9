/**
 * `millrace demo --kill`: three workers, of which one is killed every moment while jobs come in, and an account of all jobs at
 * the end. What is killed is a process, by `kill -9`: it has no chance to say anything.
 *
 *     prepare ─▶ three workers ─▶ jobs and kills ─▶ all jobs have ended ─▶ account
 *                                                   or time is over ──────▶ account, and what is missing is lost
 */

import { fork, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { nodeClock } from '../../host/clock.ts'
import { nodeRandom } from '../../host/random.ts'
import { createRunner, RunnerError, type Clock, type Random, type Runner } from '../../index.ts'
import { DONE, FAILED, type DemoOptions } from '../demo-options.ts'
import { jobsPlace, type JobsPlace } from '../jobs-place.ts'
import { placeText } from '../screen/summary.ts'
import { duration, number, printable } from '../screen/text.ts'
import { KILL_JOBS } from './kill-jobs.ts'
import { KillTally } from './kill-tally.ts'
import type { WorkerNews } from './kill-worker.ts'

/** How it is run. */
export interface KillDemoOptions extends Pick<DemoOptions, 'database' | 'json' | 'signal' | 'stdout' | 'stderr'> {
  /** For how many seconds jobs come in and workers are killed. Default: 16, so that all takes about 20. */
  readonly seconds?: number | undefined
}

/** What it comes to. */
export interface KillAccount {
  readonly workers: number
  readonly kills: number
  readonly jobs: number
  readonly completed: number
  readonly lost: number
  readonly endedTwice: number
  readonly ranAgain: number
  /** From a kill to the next start of a job that it cut off. */
  readonly slowestMs: number
}

const WORKERS = 3
const DEFAULT_SECONDS = 16
const JOBS_PER_SECOND = 15
const KILL_EVERY_MS = 1_400
/** Longer than any recovery: where processes cannot be looked at, a silent worker counts as dead after ten seconds. */
const END_WITHIN_MS = 40_000
const LOOK_EVERY_MS = 100

const PROGRAM = fileURLToPath(new URL('./kill-worker.js', import.meta.url))

/** Runs it. Resolves with the exit code: 0 when nothing was lost and nothing ended twice, otherwise 1. */
export async function runKillDemo(options: KillDemoOptions): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-kill-'))
  const place = jobsPlace(folder, options.database)
  let exitCode = FAILED
  try {
    exitCode = await new KillDemo(options, place).toItsEnd()
    if (exitCode === DONE) await place.clear()
  } catch (error) {
    if (!(error instanceof RunnerError)) throw error
    options.stderr.write(`the demo failed: ${printable(error.message)}\n`)
  }
  // After a failure somebody may want to look at it.
  if (exitCode === DONE) await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  return exitCode
}

class KillDemo {
  readonly #options: KillDemoOptions
  readonly #place: JobsPlace
  readonly #clock: Clock = nodeClock()
  readonly #random: Random = nodeRandom()
  readonly #tally = new KillTally()
  readonly #runner: Runner<typeof KILL_JOBS>
  readonly #workers: (ChildProcess | undefined)[] = []
  readonly #ready = new Set<ChildProcess>()
  readonly #ids: string[] = []
  readonly #startedAt: number
  #isOver = false

  constructor(options: KillDemoOptions, place: JobsPlace) {
    this.#options = options
    this.#place = place
    this.#startedAt = this.#clock.monotonic()
    this.#runner = createRunner({ jobs: KILL_JOBS, ...place.options })
  }

  async toItsEnd(): Promise<number> {
    const seconds = this.#options.seconds ?? DEFAULT_SECONDS
    try {
      await this.#runner.migrate()
      this.#print(
        `millrace demo --kill: ${WORKERS} workers, ${number(Math.floor(seconds * JOBS_PER_SECOND))} jobs, and kill -9 every moment`,
        `  store  ${placeText(this.#place.name)}`,
      )
      for (let slot = 0; slot < WORKERS; slot += 1) this.#launch(slot)
      await this.#until(() => this.#ready.size === WORKERS, END_WITHIN_MS)
      this.#tell(`${WORKERS} workers are up: processes ${this.#workers.map((worker) => worker?.pid).join(', ')}`)
      await Promise.all([this.#enqueue(seconds), this.#kill(seconds)])
      await this.#until(async () => (await this.#countCompleted()) >= this.#ids.length, END_WITHIN_MS)
      const account = await this.#account()
      this.#show(account)
      return account.lost === 0 && account.endedTwice === 0 && !this.#options.signal.aborted ? DONE : FAILED
    } finally {
      await this.#stopWorkers()
      await this.#runner.close()
    }
  }

  async #enqueue(seconds: number): Promise<void> {
    const total = Math.floor(seconds * JOBS_PER_SECOND)
    const from = this.#clock.monotonic()
    while (this.#ids.length < total && !this.#options.signal.aborted) {
      const ms = 50 + Math.floor(this.#random.float() * 700)
      const { id } = await this.#runner.enqueue(KILL_JOBS.demo.work, [ms])
      this.#ids.push(id)
      await this.#sleep(from + (this.#ids.length / JOBS_PER_SECOND) * 1_000 - this.#clock.monotonic())
    }
  }

  async #kill(seconds: number): Promise<void> {
    const until = this.#clock.monotonic() + seconds * 1_000
    for (;;) {
      await this.#sleep(KILL_EVERY_MS * (0.7 + 0.6 * this.#random.float()))
      if (this.#clock.monotonic() >= until || this.#options.signal.aborted) return
      const slot = Math.floor(this.#random.float() * WORKERS)
      const worker = this.#workers[slot]
      if (worker?.pid === undefined || !this.#ready.has(worker)) continue
      worker.kill('SIGKILL')
      const jobs = this.#tally.killed(worker.pid, this.#clock.monotonic())
      this.#ready.delete(worker)
      this.#tell(`kill -9 of worker ${slot + 1} (process ${worker.pid}), which was running ${jobs} jobs`)
    }
  }

  #launch(slot: number): void {
    const worker = fork(PROGRAM, [JSON.stringify(this.#place.options)], {
      execArgv: [],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    this.#workers[slot] = worker
    // Only kill-worker.ts has the other end.
    worker.on('message', (news) => this.#heard(worker, news as WorkerNews))
    worker.once('exit', () => {
      this.#ready.delete(worker)
      this.#workers[slot] = undefined
      if (!this.#isOver) this.#launch(slot)
    })
  }

  #heard(worker: ChildProcess, news: WorkerNews): void {
    const { pid } = worker
    if (pid === undefined || worker.killed) return
    switch (news.type) {
      case 'ready':
        this.#ready.add(worker)
        return
      case 'start':
        for (const { jobs, slowestMs } of this.#tally.started(pid, news.id, this.#clock.monotonic())) {
          this.#tell(`  its ${jobs} jobs run again, the last of them after ${duration(slowestMs)}`)
        }
        return
      case 'completed':
        this.#tally.completed(pid, news.id)
    }
  }

  async #countCompleted(): Promise<number> {
    const own = new Set(this.#ids)
    let count = 0
    let after: string | undefined
    do {
      const page = await this.#runner.list({ state: 'completed', limit: 1_000, after })
      count += page.jobs.filter(({ id }) => own.has(id)).length
      after = page.next
    } while (after !== undefined)
    return count
  }

  async #account(): Promise<KillAccount> {
    const completed = await this.#countCompleted()
    const { jobs: ranAgain, slowestMs } = this.#tally.ranAgain
    return {
      workers: WORKERS,
      kills: this.#tally.kills,
      jobs: this.#ids.length,
      completed,
      lost: this.#ids.length - completed,
      endedTwice: this.#tally.endedTwice,
      ranAgain,
      slowestMs: Math.round(slowestMs),
    }
  }

  #show(account: KillAccount): void {
    const { kills, jobs, completed, lost, endedTwice, ranAgain, slowestMs } = account
    if (this.#options.json) {
      this.#options.stdout.write(`${JSON.stringify(account)}\n`)
      return
    }
    this.#tell(
      `${kills} workers were killed. Of ${number(jobs)} jobs ${number(completed)} completed: ${lost} lost, ${endedTwice} ended twice`,
    )
    this.#print(
      `  ${ranAgain} jobs were cut off and ran again, the slowest of them ${duration(slowestMs)} after its kill.`,
      lost === 0 && endedTwice === 0
        ? '  Every job runs at least once, and at most one result of it is accepted.'
        : `  This must not be. The jobs are still at ${placeText(this.#place.name)}.`,
    )
  }

  async #stopWorkers(): Promise<void> {
    this.#isOver = true
    const ends = this.#workers.flatMap((worker) => {
      if (worker === undefined) return []
      worker.send('stop', () => {})
      return new Promise<void>((resolve) => worker.once('exit', () => resolve()))
    })
    const late = this.#clock.after(10_000, () => {
      for (const worker of this.#workers) worker?.kill('SIGKILL')
    })
    await Promise.all(ends)
    late.cancel()
  }

  async #until(isTrue: () => boolean | Promise<boolean>, withinMs: number): Promise<void> {
    const deadline = this.#clock.monotonic() + withinMs
    while (!(await isTrue())) {
      if (this.#clock.monotonic() > deadline || this.#options.signal.aborted) return
      await this.#sleep(LOOK_EVERY_MS)
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const { signal } = this.#options
      const timer = this.#clock.after(Math.max(0, ms), end)
      signal.addEventListener('abort', end, { once: true })
      function end(): void {
        timer.cancel()
        signal.removeEventListener('abort', end)
        resolve()
      }
    })
  }

  #tell(line: string): void {
    const seconds = (this.#clock.monotonic() - this.#startedAt) / 1_000
    this.#print(`${seconds.toFixed(1).padStart(6)} s  ${line}`)
  }

  #print(...lines: readonly string[]): void {
    if (!this.#options.json) this.#options.stdout.write(`${lines.join('\n')}\n`)
  }
}
