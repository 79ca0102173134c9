/** The harness' side of a child process. */

import { fork, type ChildProcess } from 'node:child_process'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

import type { FromChild, ToChild, Verb, Verbs } from './verbs.ts'

const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))
const CLOSE_MS = 5_000
const READY_MS = 30_000
const CALL_MS = 600_000
const SAID_MOST = 10_000

interface Waiting {
  readonly resolve: (value: unknown) => void
  readonly reject: (error: Error) => void
}

const living = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

/** A process with one session of a contender. */
export class Child {
  readonly pid: number
  /** Jobs that it has handled, as of its last news. */
  handled = 0
  /** When its last job started. */
  lastStart = 0
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, Waiting>()
  readonly #ended: Promise<void>
  #onReady: () => void = () => {}
  #calls = 0
  #said = ''

  private constructor(contender: string, url: string, profiles: string | undefined) {
    this.#process = fork(MAIN, [contender, url], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: profiles === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', profiles],
    })
    this.pid = this.#process.pid ?? 0
    living.add(this.#process)
    this.#process.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#said = `${this.#said}${chunk}`.slice(-SAID_MOST)
    })
    this.#process.on('message', (message: FromChild) => this.#receive(message))
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        living.delete(this.#process)
        this.#rejectAll(new Error(`its process ended (${signal ?? code}): ${errorLineOf(this.#said)}`))
        resolve()
      })
    })
  }

  /**
   * Starts a process and waits until its library is loaded.
   *
   * @param profiles a folder for the CPU profile that it writes when it ends
   */
  static async start(contender: string, url: string, profiles?: string): Promise<Child> {
    const child = new Child(contender, url, profiles)
    await child.#within(READY_MS, 'load', (resolve, reject) => {
      child.#onReady = () => resolve(undefined)
      child.#waiting.set(0, { resolve, reject })
    })
    child.#waiting.delete(0)
    return child
  }

  /** Calls a verb in the child. */
  async call<V extends Verb>(verb: V, ...options: Parameters<Verbs[V]>): Promise<Awaited<ReturnType<Verbs[V]>>> {
    this.#calls += 1
    const call = this.#calls
    const value = await this.#within(CALL_MS, verb, (resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#send({ call, verb, options: options[0] })
    })
    // The child answers with what the verb of the same table returns.
    return value as Awaited<ReturnType<Verbs[V]>>
  }

  /** Tells it how many jobs the workers have handled. */
  tellHandled(handledElsewhere: number): void {
    this.#send({ handledElsewhere })
  }

  /** Ends it: in good order if it can within five seconds, else at once. */
  async end(): Promise<void> {
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), CLOSE_MS)
    await this.call('close').catch(() => this.#process.kill('SIGKILL'))
    await this.#ended
    clearTimeout(timer)
  }

  #send(message: ToChild): void {
    if (this.#process.connected) this.#process.send(message)
    else this.#rejectAll(new Error('the process has ended'))
  }

  #receive(message: FromChild): void {
    if ('isReady' in message) return this.#onReady()
    if ('handled' in message) {
      this.handled = message.handled
      this.lastStart = message.lastStart
      return
    }
    const waiting = this.#waiting.get(message.call)
    this.#waiting.delete(message.call)
    if ('error' in message) waiting?.reject(new Error(message.error))
    else waiting?.resolve(message.value)
  }

  #rejectAll(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #within(
    ms: number,
    what: string,
    start: (resolve: Waiting['resolve'], reject: Waiting['reject']) => void,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to "${what}" within ${ms / 1_000} s`)), ms)
      const settled =
        <T>(settle: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer)
          settle(value)
        }
      start(settled(resolve), settled(reject))
    })
  }
}

/** The line of a crash that tells most. */
function errorLineOf(said: string): string {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  return (lines.find((line) => /^\W*\w*(Error|Assertion failed): /.test(line)) ?? lines[0] ?? 'it said nothing').trim()
}
