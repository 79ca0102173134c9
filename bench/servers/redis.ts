/** A Redis of our own without persistence, on a unix socket in a temporary folder; there is none when redis-server is not installed. */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'

import { cpuMs } from './process-usage.ts'
import type { Place, Server } from './server.ts'

const START_MS = 10_000

/** The part of ioredis that is used here; its package is installed on the first benchmark only. */
interface RedisClient {
  flushall(): Promise<unknown>
  eval(script: string, keys: number): Promise<unknown>
  disconnect(): void
}

export class RedisServer implements Server {
  readonly description: string
  readonly #folder: string
  readonly #process: ChildProcess
  readonly #client: RedisClient

  private constructor(version: string, folder: string, server: ChildProcess, client: RedisClient) {
    this.description = `Redis ${version} (no persistence, unix socket)`
    this.#folder = folder
    this.#process = server
    this.#client = client
  }

  /** @throws when redis-server is not installed or does not start. */
  static async start(): Promise<RedisServer> {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-bench-redis-'))
    const socket = join(folder, 'redis.sock')
    const version = /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1] ?? '?'
    const args = ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no', '--dir', folder]
    const server = spawn('redis-server', args, { stdio: 'ignore' })
    const kill = () => server.kill('SIGKILL')
    process.once('exit', kill)
    server.once('exit', () => process.removeListener('exit', kill))
    const deadline = performance.now() + START_MS
    while (!existsSync(socket)) {
      if (server.exitCode !== null || performance.now() > deadline) throw new Error('redis-server did not start')
      await sleep(20)
    }
    const name = 'ioredis'
    // The package's main export takes the path of a socket.
    const { Redis } = (await import(name)) as { Redis: new (path: string) => RedisClient }
    return new RedisServer(version, folder, server, new Redis(socket))
  }

  async freshPlace(): Promise<Place> {
    const client = this.#client
    await client.flushall()
    return {
      url: join(this.#folder, 'redis.sock'),
      count: async (script) => Number(await client.eval(script, 0)),
      settle: () => Promise.resolve(),
      cpuMs: () => cpuMs(this.#process.pid ?? 0),
      drop: async () => void (await client.flushall()),
    }
  }

  async stop(): Promise<void> {
    this.#client.disconnect()
    const ended = once(this.#process, 'exit')
    this.#process.kill('SIGTERM')
    await Promise.race([ended, sleep(5_000)])
    this.#process.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
