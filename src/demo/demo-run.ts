/**
 * One run of the demo: introduce, enqueue what is not there yet, show the queues until they are empty, report; then stay, or
 * end. An interrupt on the way stops the worker in good order and leaves the rest to the next run.
 */

import { join } from 'node:path'

import { nodeClock } from '../host/clock.ts'
import { createRunner, type Clock, type Runner } from '../index.ts'
import { DONE, FAILED, type DemoOptions } from './demo-options.ts'
import { INPUT_KINDS, type InputFile, type InputJob, type InputKind } from './inputs/input-file.ts'
import type { Inputs } from './inputs/find-inputs.ts'
import type { JobsPlace } from './jobs-place.ts'
import * as manifests from './jobs/manifests.ts'
import * as pages from './jobs/pages.ts'
import * as searchIndex from './jobs/search-index.ts'
import * as sources from './jobs/sources.ts'
import { writeReports, type ReportCounts } from './reports/reports.ts'
import { writeSearchPage } from './reports/search-page.ts'
import { markFinished } from './run-folder.ts'
import { standingsOf } from './screen/board.ts'
import { Screen } from './screen/screen.ts'
import { command, placeText, queueSummaries, summaryLines, type Summary } from './screen/summary.ts'
import { number, printable } from './screen/text.ts'
import { stableId } from './stable-id.ts'
import { RunStatistics } from './statistics.ts'
import { shortPath } from './surroundings.ts'
import { endedOf, tallyOf } from './tally.ts'

const QUEUES = {
  pages: { concurrency: 4 },
  links: { concurrency: 4 },
  manifests: { concurrency: 4 },
  sources: { concurrency: 2 },
  index: { concurrency: 1 },
}
const QUEUE_NAMES = Object.keys(QUEUES)
/** The reports are made of the results, so they must outlive a run that is gone on with days later. */
const KEEP = '30d'
const JOBS = { pages, manifests, sources, searchIndex }
const JOB_OF: Readonly<Record<InputKind, InputJob<unknown>>> = {
  page: pages.render,
  manifest: manifests.read,
  source: sources.fingerprint,
}

const LOOK_EVERY_MS = 100
const ENQUEUE_AT_A_TIME = 100

/** What a run is about. */
export interface DemoPlan {
  readonly folder: string
  readonly inputs: Inputs
  readonly place: JobsPlace
  readonly isContinued: boolean
}

/** One run. */
export class DemoRun {
  readonly #options: DemoOptions
  readonly #plan: DemoPlan
  readonly #clock: Clock = nodeClock()
  readonly #screen: Screen | undefined
  readonly #runner: Runner<typeof JOBS>
  readonly #statistics: RunStatistics
  readonly #output: string

  constructor(options: DemoOptions, plan: DemoPlan) {
    this.#options = options
    this.#plan = plan
    this.#screen = options.json ? undefined : new Screen(this.#clock, options.stdout)
    this.#output = shortPath(plan.folder)
    const queues = Object.fromEntries(Object.entries(QUEUES).map(([name, queue]) => [name, { ...queue, keep: KEEP }]))
    this.#runner = createRunner({ jobs: JOBS, queues, ...plan.place.options })
    this.#statistics = new RunStatistics(this.#clock, this.#runner)
    this.#runner.on('store:error', ({ error }) => options.stderr.write(`${printable(String(error))}\n`))
  }

  /** Resolves with the exit code. */
  async toItsEnd(): Promise<number> {
    const { once } = this.#options
    try {
      await this.#introduce()
      await writeSearchPage(this.#plan.folder)
      await this.#runner.start()
      const isFinished = (await this.#enqueueMissing()) && (await this.#follow())
      if (!isFinished) await this.#runner.stop({ timeout: '10s' })
      await this.#conclude(isFinished)
      if (isFinished && !once) await this.#stay()
      return once && !isFinished ? FAILED : DONE
    } finally {
      await this.#runner.close()
    }
  }

  async #introduce(): Promise<void> {
    const { inputs, place, isContinued } = this.#plan
    const count = (kind: InputKind): string => number(inputs.files.filter((file) => file.kind === kind).length)
    this.#screen?.headline(
      `millrace demo: ${number(inputs.files.length)} files of ${inputs.folders.map(shortPath).join(' and ')}: ${count('page')} pages, ${count('manifest')} manifests, ${count('source')} sources`,
    )
    this.#screen?.print(
      `  store      ${placeText(place.name)}`,
      `  output     ${join(this.#output, 'index.html')}`,
      `  meanwhile  ${command('queues', place.name)}    (in a second terminal)`,
    )
    if (!isContinued) return
    const { total, byQueue } = await tallyOf(this.#runner)
    for (const [queue, counts] of byQueue) this.#statistics.carryOver(queue, endedOf(counts))
    this.#screen?.print(
      `The last run over these files did not finish: ${number(endedOf(total))} of its jobs had ended, the rest is done now.`,
    )
  }

  /**
   * Each input has an id of its own, so what is in the store already is left as it is. Answers false when the signal came
   * before all was enqueued.
   */
  async #enqueueMissing(): Promise<boolean> {
    const { inputs, folder } = this.#plan
    for (let start = 0; start < inputs.files.length; start += ENQUEUE_AT_A_TIME) {
      if (this.#options.signal.aborted) return false
      const some = inputs.files.slice(start, start + ENQUEUE_AT_A_TIME)
      await this.#runner.enqueueAll(some.map((file) => entryOf(file, folder)))
      await this.#look()
    }
    return true
  }

  /** Shows the queues until they are empty; answers false when the signal came first. */
  async #follow(): Promise<boolean> {
    while (!(await this.#look())) {
      if (this.#options.signal.aborted) return false
      await this.#pause(LOOK_EVERY_MS)
    }
    return true
  }

  /** Answers whether nothing waits and nothing runs. A job that starts others runs until they are stored, so that is the end. */
  async #look(): Promise<boolean> {
    const all = await this.#runner.queues()
    const queues = QUEUE_NAMES.flatMap((name) => all.find((queue) => queue.name === name) ?? [])
    const standings = standingsOf(this.#runner.inspect(), queues, this.#statistics)
    this.#screen?.drawBoard(standings, this.#statistics.elapsedMs)
    return queues.every(({ depth, scheduled, running }) => depth + scheduled + running === 0)
  }

  /** Writes the reports, then says what happened. */
  async #conclude(isFinished: boolean): Promise<void> {
    const { folder, inputs, place, isContinued } = this.#plan
    const elapsedMs = this.#statistics.elapsedMs
    const tally = await tallyOf(this.#runner)
    let reports: ReportCounts | null = null
    if (isFinished) {
      reports = await writeReports(folder, tally)
      await markFinished(folder, { files: inputs.files, place })
    }
    const counts = INPUT_KINDS.map((kind) => [kind, inputs.files.filter((file) => file.kind === kind).length] as const)
    const summary: Summary = {
      isFinished,
      isContinued,
      elapsedMs: Math.round(elapsedMs),
      inputs: Object.fromEntries(counts),
      jobs: tally.total,
      queues: queueSummaries(QUEUE_NAMES, tally, this.#statistics),
      failures: tally.failures,
      reports,
      output: this.#output,
      ...place.name,
    }
    this.#screen?.leaveBoard()
    const [first = '', ...rest] = summaryLines(summary)
    this.#screen?.print('')
    this.#screen?.headline(first)
    this.#screen?.print(...rest)
    if (this.#options.json) this.#options.stdout.write(`${JSON.stringify(summary, null, 2)}\n`)
  }

  /** The worker goes on: what is retried or enqueued from elsewhere runs, and is told. */
  async #stay(): Promise<void> {
    const { signal } = this.#options
    const { name: place } = this.#plan.place
    this.#screen?.print(
      '',
      'The worker stays until Ctrl-C. From a second terminal, for example:',
      `  ${command('queues', place)}`,
      `  ${command('pause index', place)}`,
      `  ${command('ls --state failed', place)}      then, with one of its ids: show, explain, retry`,
    )
    const tell = (name: string, id: string, what: string): void => {
      this.#screen?.print(`${name} ${id}: ${printable(what)}`)
    }
    this.#runner.on('job:stop', ({ name, id, outcome }) => tell(name, id, outcome))
    this.#runner.on('job:exception', ({ name, id, outcome, error }) => tell(name, id, `${outcome}: ${error.message}`))
    await aborted(signal)
    this.#screen?.print('Stopping: what runs may end.')
    await this.#runner.stop({ timeout: '10s' })
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((done) => this.#clock.after(ms, done))
  }
}

function entryOf(file: InputFile, folder: string) {
  const id = stableId(file.kind, file.file)
  return [JOB_OF[file.kind], [file, folder], { id, tags: [file.kind] }] as const
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}
