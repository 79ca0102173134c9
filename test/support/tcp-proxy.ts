/**
 * A TCP proxy in front of a PostgreSQL server, which does on demand what networks and servers do in their worst moments.
 *
 *     client ──▶ up: reads which statement comes ──▶ server
 *     client ◀── down: held, delayed, trickled, or dropped ◀── server
 *
 * It understands as much of the protocol as it takes to know the statement that a connection is running, and when the server
 * has answered it: a reply can be lost although its transaction was committed. That needs a client that waits for one answer
 * before it sends the next statement, as `pg` does, and no TLS; everything else works with any protocol.
 *
 * It has no randomness of its own, and no test framework: the chaos harness uses it too.
 */

import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'

/** Where the server is. */
export interface TcpProxyTarget {
  readonly port: number
  /** Default: `127.0.0.1`. */
  readonly host?: string
}

/** One connection of a client through the proxy. */
export interface ProxiedConnection {
  /** The last statement that the client sent; empty before the first one. */
  readonly lastStatement: string
}

/** Picks connections. */
export type Which = (connection: ProxiedConnection) => boolean

/** Replies that are being lost. */
export interface Swallowing {
  /** How many replies have been lost by now. */
  readonly count: number
  /** Resolves when as many were lost as were asked for. */
  readonly done: Promise<void>
  /** Loses no more. */
  stop(): void
}

/** See the head of this file. A fault lasts until `heal`; several may be on at a time. */
export interface TcpProxy {
  /** On 127.0.0.1; it stays the same. */
  readonly port: number
  /** The connections that are open now. */
  readonly connections: readonly ProxiedConnection[]
  /** The URL of a database, through the proxy. */
  url(direct: string): string
  /** Resets connections, both halves at once; answers how many. Default: all. */
  cut(which?: Which): number
  /** Takes no new connections: whoever tries is refused. Those that are open stay. */
  refuse(): Promise<void>
  /**
   * Passes nothing on any more, in neither direction, and closes nothing: no end of a connection notices anything. New
   * connections come up and are never answered. What was sent meanwhile arrives after `heal`, as TCP does it; of connections
   * that are lost `forGood` nothing ever does, and the server keeps its halves. With `which`, only connections that are open
   * now are struck.
   */
  blackhole(options?: { readonly which?: Which; readonly forGood?: boolean }): void
  /** Everything that the server sends arrives so many milliseconds later. */
  delay(ms: number): void
  /** Everything that the server sends arrives so slowly. */
  trickle(bytesPerSecond: number): void
  /**
   * Lets statements that `isMeant` picks reach the server and waits until it has done them, its commit included; then drops
   * the reply and resets the connection. Answers at once; `times` replies are lost. Default: 1.
   */
  swallow(isMeant: (statement: string) => boolean, times?: number): Swallowing
  /** Ends all faults. */
  heal(): Promise<void>
  /** Resets all connections and ends. */
  close(): Promise<void>
}

/** What picks the statement that ends a transaction. */
export function isCommit(statement: string): boolean {
  return /^\s*commit\b/i.test(statement)
}

/** Starts a proxy on a free port of 127.0.0.1. */
export async function startTcpProxy(target: TcpProxyTarget): Promise<TcpProxy> {
  const proxy = new ServerProxy(target)
  await proxy.accept()
  return proxy
}

/** How the server's data is passed on now. */
interface Flow {
  readonly isHeld: boolean
  readonly delayMs: number
  readonly bytesPerSecond: number
}

const FREE: Flow = { isHeld: false, delayMs: 0, bytesPerSecond: Infinity }

class ServerProxy implements TcpProxy {
  readonly #target: TcpProxyTarget
  readonly #links = new Set<Link>()
  readonly #swallowers = new Set<Swallower>()
  #server: Server | null = null
  #flow = FREE
  #port = 0

  constructor(target: TcpProxyTarget) {
    this.#target = target
  }

  get port(): number {
    return this.#port
  }

  get connections(): readonly ProxiedConnection[] {
    return [...this.#links]
  }

  url(direct: string): string {
    const url = new URL(direct)
    url.hostname = '127.0.0.1'
    url.port = String(this.#port)
    return url.href
  }

  cut(which: Which = () => true): number {
    const meant = [...this.#links].filter(which)
    for (const link of meant) link.reset()
    return meant.length
  }

  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = null
    // It stops to listen at once; `close` would come only when the connections that stay have ended too.
    server?.close()
  }

  blackhole({ which, forGood = false }: Parameters<TcpProxy['blackhole']>[0] = {}): void {
    for (const link of this.#links) if (which?.(link) ?? true) link.hold(forGood)
    if (which === undefined) this.#change({ isHeld: true })
  }

  delay(ms: number): void {
    this.#change({ delayMs: ms })
  }

  trickle(bytesPerSecond: number): void {
    this.#change({ bytesPerSecond })
  }

  swallow(isMeant: (statement: string) => boolean, times = 1): Swallowing {
    const swallower = new Swallower(isMeant, times, () => this.#swallowers.delete(swallower))
    this.#swallowers.add(swallower)
    return swallower
  }

  async heal(): Promise<void> {
    for (const swallower of this.#swallowers) swallower.stop()
    this.#change(FREE)
    for (const link of this.#links) link.release()
    if (this.#server === null) await this.accept()
  }

  async close(): Promise<void> {
    await this.refuse()
    this.cut()
  }

  async accept(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#link(client))
    this.#server = server
    server.listen(this.#port, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the proxy has no port')
    this.#port = address.port
  }

  #link(client: Socket): void {
    const { port, host = '127.0.0.1' } = this.#target
    const server = connect({ port, host, allowHalfOpen: true })
    const link = new Link(client, server, {
      swallowerOf: (statement) => [...this.#swallowers].find((swallower) => swallower.takes(statement)),
      onEnd: () => this.#links.delete(link),
    })
    link.set(this.#flow)
    if (this.#flow.isHeld) link.hold(false)
    this.#links.add(link)
  }

  #change(flow: Partial<Flow>): void {
    this.#flow = { ...this.#flow, ...flow }
    for (const link of this.#links) link.set(this.#flow)
  }
}

class Swallower implements Swallowing {
  readonly done: Promise<void>
  readonly #isMeant: (statement: string) => boolean
  readonly #times: number
  readonly #onStop: () => void
  #begun = 0
  #count = 0
  #finish: () => void = () => {}

  constructor(isMeant: (statement: string) => boolean, times: number, onStop: () => void) {
    this.#isMeant = isMeant
    this.#times = times
    this.#onStop = onStop
    this.done = new Promise((resolve) => (this.#finish = resolve))
  }

  get count(): number {
    return this.#count
  }

  stop(): void {
    this.#onStop()
  }

  /** Whether the reply to a statement is to be lost; it is counted when it is. */
  takes(statement: string): boolean {
    if (this.#begun >= this.#times || !this.#isMeant(statement)) return false
    this.#begun += 1
    return true
  }

  /** A reply was lost. */
  swallowed(): void {
    this.#count += 1
    if (this.#count < this.#times) return
    this.stop()
    this.#finish()
  }
}

interface LinkOptions {
  readonly swallowerOf: (statement: string) => Swallower | undefined
  readonly onEnd: () => void
}

/** Both halves of one connection. */
class Link implements ProxiedConnection {
  readonly #client: Socket
  readonly #server: Socket
  readonly #options: LinkOptions
  readonly #up: Pipe
  readonly #down: Pipe
  readonly #replies = new BackendReader(() => this.#answered())
  readonly #requests = new FrontendReader({
    onStatement: (statement) => this.#began(statement),
    onByteAsked: () => this.#replies.expectByte(),
  })
  #swallower: Swallower | undefined
  #isLost = false
  lastStatement = ''

  constructor(client: Socket, server: Socket, options: LinkOptions) {
    this.#client = client
    this.#server = server
    this.#options = options
    this.#up = new Pipe(client, server, (chunk) => {
      this.#requests.push(chunk)
      return true
    })
    this.#down = new Pipe(server, client, (chunk) => {
      // The last message of a lost reply ends the connection, and with it this.
      const isLost = this.#swallower !== undefined
      this.#replies.push(chunk)
      return !isLost
    })
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      // `close` follows.
      socket.on('error', () => {})
    }
    client.on('close', () => this.#halfClosed(server))
    server.on('close', () => this.#halfClosed(client))
  }

  /** What goes up is never slowed. */
  set({ delayMs, bytesPerSecond }: Flow): void {
    this.#down.set({ delayMs, bytesPerSecond })
  }

  hold(forGood: boolean): void {
    if (forGood) this.#isLost = true
    this.#up.hold()
    this.#down.hold()
  }

  release(): void {
    if (this.#isLost) return
    this.#up.release()
    this.#down.release()
  }

  reset(): void {
    this.#up.stop()
    this.#down.stop()
    this.#options.onEnd()
    for (const socket of [this.#client, this.#server]) socket.resetAndDestroy()
  }

  #began(statement: string): void {
    this.lastStatement = statement
    this.#swallower ??= this.#options.swallowerOf(statement)
  }

  #answered(): void {
    if (this.#swallower === undefined) return
    this.#swallower.swallowed()
    this.reset()
  }

  /** One half is gone: in order when the other one was told, and broken otherwise. */
  #halfClosed(other: Socket): void {
    if (other.destroyed) this.#options.onEnd()
    else if (!other.writableEnded) this.reset()
  }
}

const TICK_MS = 20

/** One direction of a connection. */
class Pipe {
  readonly #from: Socket
  readonly #to: Socket
  #waiting: { readonly chunk: Buffer; readonly dueAt: number }[] = []
  #delayMs = 0
  #bytesPerSecond = Infinity
  #isHeld = false
  #hasEnded = false
  #timer: NodeJS.Timeout | undefined

  /** @param admit Sees each chunk when it comes; answers whether it is passed on. */
  constructor(from: Socket, to: Socket, admit: (chunk: Buffer) => boolean) {
    this.#from = from
    this.#to = to
    from.on('data', (chunk: Buffer) => {
      if (!admit(chunk)) return
      this.#waiting.push({ chunk, dueAt: performance.now() + this.#delayMs })
      this.#pump()
    })
    from.on('end', () => {
      this.#hasEnded = true
      this.#pump()
    })
    to.on('drain', () => this.#pump())
  }

  set({ delayMs, bytesPerSecond }: { readonly delayMs: number; readonly bytesPerSecond: number }): void {
    this.#delayMs = delayMs
    this.#bytesPerSecond = bytesPerSecond
    const latest = performance.now() + delayMs
    this.#waiting = this.#waiting.map(({ chunk, dueAt }) => ({ chunk, dueAt: Math.min(dueAt, latest) }))
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pump()
  }

  hold(): void {
    this.#isHeld = true
    // What is not read stays in the buffers of the system, and so does the news that the other side is gone.
    this.#from.pause()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  release(): void {
    if (!this.#isHeld) return
    this.#isHeld = false
    this.#from.resume()
    this.#pump()
  }

  stop(): void {
    this.#isHeld = true
    this.#waiting.length = 0
    clearTimeout(this.#timer)
  }

  #pump(): void {
    if (this.#isHeld || this.#timer !== undefined) return
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const waitMs = next.dueAt - performance.now()
      if (waitMs > 0) return this.#pumpIn(waitMs)
      if (this.#to.writableNeedDrain) {
        this.#from.pause()
        return
      }
      const most = Math.max(1, (this.#bytesPerSecond * TICK_MS) / 1_000)
      if (next.chunk.length <= most) {
        this.#waiting.shift()
        this.#to.write(next.chunk)
        if (this.#bytesPerSecond < Infinity) return this.#pumpIn(TICK_MS)
      } else {
        this.#waiting[0] = { chunk: next.chunk.subarray(most), dueAt: next.dueAt }
        this.#to.write(next.chunk.subarray(0, most))
        return this.#pumpIn(TICK_MS)
      }
    }
    if (this.#hasEnded) this.#to.end()
    else this.#from.resume()
  }

  #pumpIn(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#pump()
    }, ms)
  }
}

/** A message that a client of PostgreSQL sends before the first one with a type, and what it asks for. */
const SSL_REQUEST = 80_877_103
const GSS_REQUEST = 80_877_104
const CANCEL_REQUEST = 80_877_102

const QUERY = 0x51
const PARSE = 0x50
const BIND = 0x42
const READY_FOR_QUERY = 0x5a

/** Cuts a stream into the messages of the protocol. */
class MessageReader {
  #chunks: Buffer[] = []
  #size = 0

  push(chunk: Buffer): void {
    this.#chunks.push(chunk)
    this.#size += chunk.length
  }

  /** The next message whose length stands at `at`, when all of it is there. */
  take(at: 0 | 1): Buffer | undefined {
    const head = this.#peek(at + 4)
    if (head === undefined) return undefined
    const size = at + head.readUInt32BE(at)
    const all = this.#peek(size)
    if (all === undefined) return undefined
    this.#skip(size, all)
    return all.subarray(0, size)
  }

  /** The next byte. */
  takeByte(): number | undefined {
    const all = this.#peek(1)
    if (all === undefined) return undefined
    this.#skip(1, all)
    return all[0]
  }

  /** At least `size` bytes from the front, in one piece. */
  #peek(size: number): Buffer | undefined {
    if (this.#size < size) return undefined
    const [first] = this.#chunks
    if (first !== undefined && first.length >= size) return first
    const joined = Buffer.concat(this.#chunks)
    this.#chunks = [joined]
    return joined
  }

  #skip(size: number, first: Buffer): void {
    this.#size -= size
    if (first.length === size) this.#chunks.shift()
    else this.#chunks[0] = first.subarray(size)
  }
}

interface FrontendReaderOptions {
  /** The server is asked to run a statement. */
  readonly onStatement: (text: string) => void
  /** What the server sends next is a single byte. */
  readonly onByteAsked: () => void
}

/** Reads what a client sends. */
class FrontendReader {
  readonly #messages = new MessageReader()
  readonly #options: FrontendReaderOptions
  readonly #prepared = new Map<string, string>()
  #state: 'startup' | 'messages' | 'opaque' = 'startup'

  constructor(options: FrontendReaderOptions) {
    this.#options = options
  }

  push(chunk: Buffer): void {
    if (this.#state === 'opaque') return
    this.#messages.push(chunk)
    while (this.#state === 'startup') {
      const message = this.#messages.take(0)
      if (message === undefined) return
      this.#start(message.readUInt32BE(4))
    }
    for (let message = this.#messages.take(1); message !== undefined; message = this.#messages.take(1)) {
      this.#read(message)
    }
  }

  #start(code: number): void {
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.#options.onByteAsked()
    else this.#state = code === CANCEL_REQUEST ? 'opaque' : 'messages'
  }

  #read(message: Buffer): void {
    const [type] = message
    if (type === QUERY) {
      this.#options.onStatement(textAt(message, 5).text)
    } else if (type === PARSE) {
      const name = textAt(message, 5)
      this.#prepared.set(name.text, textAt(message, name.end).text)
    } else if (type === BIND) {
      const portal = textAt(message, 5)
      this.#options.onStatement(this.#prepared.get(textAt(message, portal.end).text) ?? '')
    }
  }
}

/** Reads what the server sends. */
class BackendReader {
  readonly #messages = new MessageReader()
  readonly #onReady: () => void
  #expectsByte = false

  /** @param onReady Called when the server has answered a statement to the end: what it committed is committed. */
  constructor(onReady: () => void) {
    this.#onReady = onReady
  }

  expectByte(): void {
    this.#expectsByte = true
  }

  push(chunk: Buffer): void {
    this.#messages.push(chunk)
    if (this.#expectsByte && this.#messages.takeByte() !== undefined) this.#expectsByte = false
    for (let message = this.#messages.take(1); message !== undefined; message = this.#messages.take(1)) {
      if (message[0] === READY_FOR_QUERY) this.#onReady()
    }
  }
}

/** The text that begins there and ends with a zero byte, and the place after it. */
function textAt(message: Buffer, start: number): { readonly text: string; readonly end: number } {
  const zero = message.indexOf(0, start)
  const end = zero === -1 ? message.length : zero
  return { text: message.toString('utf8', start, end), end: end + 1 }
}
