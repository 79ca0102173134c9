/** A process with a runner that does not work: the producer, which may be killed at any time, and the operator. */

import { fork, type ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('program/producer.mjs', import.meta.url))

/** What it is started with. */
export interface ClientOptions {
  readonly name: string
  readonly build: string
  readonly url: string
  readonly folder: string
  /** The file with the jobs to enqueue, and the moment that their times count from. */
  readonly workload?: string
  readonly startedAt?: number
}

interface Message {
  readonly done?: true
  readonly call?: number
  readonly answer?: unknown
  readonly error?: { readonly message: string }
}

/** See the head of this file. */
export class ClientProcess {
  readonly #child: ChildProcess
  readonly #calls = new Map<number, (message: Message) => void>()
  #lastCall = 0
  /** Resolves when it ended. */
  readonly exited: Promise<void>
  /** Whether all jobs were enqueued. */
  isDone = false

  constructor({ name, folder, ...options }: ClientOptions) {
    const out = openSync(join(folder, `${name}.out`), 'a')
    const argument = JSON.stringify({ ...options, journal: join(folder, `${name}.journal`) })
    this.#child = fork(PROGRAM, [argument], { execArgv: [], stdio: ['ignore', out, out, 'ipc'] })
    this.exited = new Promise((resolve) => this.#child.once('exit', () => resolve()))
    // Only program/producer.mjs has the other end.
    this.#child.on('message', (message: Message) => {
      if (message.done === true) this.isDone = true
      if (message.call !== undefined) this.#calls.get(message.call)?.(message)
    })
  }

  /** Calls a method of the runner there. */
  async ask<Answer>(method: string, ...args: readonly unknown[]): Promise<Answer> {
    const call = ++this.#lastCall
    const message = await Promise.race([
      new Promise<Message>((resolve) => {
        this.#calls.set(call, resolve)
        this.#child.send({ call, method, args }, () => {})
      }),
      this.exited.then((): Message => ({ error: { message: `the process ended during ${method}` } })),
    ])
    if (message.error !== undefined) throw new Error(`${method}: ${message.error.message}`)
    // The caller says what the method answers.
    return message.answer as Answer
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }
}
