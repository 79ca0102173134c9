/** Processes with a runner of their own: started, asked, stopped and killed by a test. */

import { fork, type ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import type { QueueOptions, StartOptions } from 'millrace'
import { onTestFinished } from 'vitest'

import { gate } from './gate.ts'

const PROGRAM = fileURLToPath(new URL('worker-program.mjs', import.meta.url))

/** What a process is started with. */
export interface WorkerProcessOptions {
  readonly url: string
  /** The file that its jobs write to. */
  readonly record: string
  readonly queues?: Readonly<Record<string, QueueOptions>> | undefined
  /** The options of `runner.start`; absent: it only looks and enqueues. */
  readonly start?: StartOptions | undefined
  readonly stuckLimit?: number | undefined
  /** Whether it is told of dead letters, and writes them down. */
  readonly isNotifying?: boolean | undefined
  /** Whether what it writes to standard error is dropped: for one that is meant to end badly. */
  readonly isQuiet?: boolean | undefined
}

/** One line that a job wrote. */
export interface RecordedLine {
  readonly kind: 'start' | 'end' | 'aborted' | 'notice'
  readonly id: string
  readonly attempt: number
  readonly pid: number
  readonly at: number
  readonly reason?: string
}

/** An event that the runner of a process sent. */
export interface SentEvent {
  readonly event: string
  readonly payload: Readonly<Record<string, unknown>>
  readonly at: number
}

interface Answer {
  readonly call?: number
  readonly answer?: unknown
  readonly error?: { readonly code: string; readonly message: string }
  readonly event?: string
}

/** A process with a runner; it ends with the test at the latest. */
export class WorkerProcess {
  readonly child: ChildProcess
  readonly events: SentEvent[] = []
  /** Resolves when the runner is there and, if asked for, started. */
  readonly ready: Promise<void>
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null }>
  readonly #calls = new Map<number, (answer: Answer) => void>()
  #lastCall = 0

  constructor(options: WorkerProcessOptions) {
    const errors = options.isQuiet === true ? 'ignore' : 'inherit'
    const child = fork(PROGRAM, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', errors, 'ipc'] })
    const isReady = gate()
    this.child = child
    this.ready = isReady.passed
    this.exited = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })))
    child.on('message', (message: Answer & { readonly ready?: true }) => {
      if (message.ready === true) isReady.open()
      else if (message.event !== undefined) this.events.push(message as unknown as SentEvent) // an event has these fields
      else this.#calls.get(message.call ?? 0)?.(message)
    })
  }

  /** Calls a method of the runner there; `reject` leaves a rejected promise behind, and `exit` ends the process. */
  async ask<Value = unknown>(method: string, ...args: unknown[]): Promise<Value> {
    const call = ++this.#lastCall
    const { answer, error } = await new Promise<Answer>((resolve) => {
      this.#calls.set(call, resolve)
      this.child.send({ call, method, args }, () => {})
    })
    this.#calls.delete(call)
    if (error !== undefined) throw Object.assign(new Error(error.message), { code: error.code })
    // The caller says what the method answers.
    return answer as Value
  }

  /** Sends a signal to the process itself. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.exited
  }
}

/** Starts a process and waits until it is ready. */
export async function aWorkerProcess(options: WorkerProcessOptions): Promise<WorkerProcess> {
  const worker = new WorkerProcess(options)
  onTestFinished(() => worker.kill())
  await Promise.race([
    worker.ready,
    worker.exited.then((end) => Promise.reject(new Error(`the process ended with ${JSON.stringify(end)}`))),
  ])
  return worker
}

/** What the jobs of all processes wrote so far. */
export function readRecord(path: string): RecordedLine[] {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  // What comes after the last line break is a line that is being written.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as RecordedLine) // only worker-program.mjs writes this file
}
