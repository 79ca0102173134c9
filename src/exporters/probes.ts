/**
 * Probes: whether a process lives and whether it is ready, for whoever starts and stops processes, and its figures.
 *
 *     GET /livez     200 while its event loop turns and not too many handlers are stuck; else it is time for a new process
 *     GET /readyz    200 while it takes jobs and the store answers
 *     GET /metrics   for Prometheus
 *     GET /scaling   how many processes the queues could use, for scalers outside; 503 while the store is away
 *
 * Whether it lives is never asked of the store: a new process would not bring that back.
 */

import { createServer, type Server } from 'node:http'
import { isIP, type AddressInfo } from 'node:net'

import { runnerError } from '../runner/errors.ts'
import type { AnyRunner } from '../runner/runner.ts'
import { telemetrySourceOf, type TelemetrySource } from '../runner/telemetry-source.ts'
import { PROMETHEUS_TYPE } from './prometheus-text.ts'
import { prometheusText } from './prometheus.ts'
import { scalingDocument } from './scaling.ts'

/** How a process stands. */
export interface Health {
  /** False when it is time for a new process. */
  readonly isLive: boolean
  /** Whether it takes jobs, and the store answers. */
  readonly isReady: boolean
  /** What is not as it should be, as sentences. */
  readonly reasons: readonly string[]
}

/** Where to serve probes. */
export interface ProbeOptions {
  /** 0 takes any free one. */
  readonly port: number
  /** The address to listen at. Default: `'127.0.0.1'`, which no other machine reaches; `'0.0.0.0'` is every address. */
  readonly host?: string | undefined
}

/** Probes that are served. */
export interface ProbeServer {
  /** Such as `http://127.0.0.1:9464`. */
  readonly url: string
  readonly port: number
  /** Idempotent. */
  close(): Promise<void>
}

/** How long the store may take to answer whether it is there. */
const STORE_LIMIT_MS = 2_000

/**
 * How the process of a runner stands.
 *
 * @param runner What `createRunner` answered.
 * @throws `ERR_NO_TELEMETRY`.
 */
export async function healthOf(runner: AnyRunner): Promise<Health> {
  const source = telemetrySourceOf(runner)
  const stuck = whyNotLive(source)
  const unready = await whyUnready(source)
  const reasons = [stuck, unready].filter((reason) => reason !== null)
  return { isLive: stuck === null, isReady: reasons.length === 0, reasons }
}

function whyNotLive({ inspect, stuckLimit }: TelemetrySource): string | null {
  const { worker } = inspect()
  if (worker === null || worker.stuck < stuckLimit) return null
  return `${worker.stuck} handlers go on although they were told to stop`
}

async function whyUnready(source: TelemetrySource): Promise<string | null> {
  const { state, worker } = source.inspect()
  if (state !== 'running') return `the runner is ${state}`
  if (worker?.state !== 'running') return 'its node lost its leases, and begins anew'
  return askStore(source, worker.node)
}

function askStore({ host, store }: TelemetrySource, node: string): Promise<string | null> {
  return new Promise((resolve) => {
    const late = `the store did not answer within ${STORE_LIMIT_MS} ms`
    const timer = host.clock.after(STORE_LIMIT_MS, () => resolve(late), { keepAlive: false })
    const answer = (problem: string | null): void => {
      timer.cancel()
      resolve(problem)
    }
    store.readOrders(node).then(
      ({ isKnown }) => answer(isKnown ? null : 'its node was declared dead, and begins anew'),
      // The words of the database are not for everybody who can reach the probes.
      (error: unknown) => answer(`the store is away (${codeOf(error)})`),
    )
  })
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'it failed'
}

/**
 * Answers requests for `/livez`, `/readyz`, `/metrics` and `/scaling`, wherever in the path they are, and 404 for all others: to be mounted
 * in a server of your own.
 *
 * @throws `ERR_NO_TELEMETRY`.
 */
export function probeHandler(runner: AnyRunner): (request: Request) => Promise<Response> {
  telemetrySourceOf(runner)
  return async ({ method, url }) => {
    const { status, type, body } = await answerTo(runner, method, new URL(url).pathname)
    return new Response(method === 'HEAD' ? null : body, { status, headers: headersOf(type) })
  }
}

/**
 * Serves the probes of a process. They do not keep it alive.
 *
 * @throws `ERR_PROBES_LISTEN` when the address cannot be listened at; `ERR_NO_TELEMETRY`.
 */
export async function serveProbes(runner: AnyRunner, { port, host = '127.0.0.1' }: ProbeOptions): Promise<ProbeServer> {
  telemetrySourceOf(runner)
  const server = createServer((request, response) => {
    const { method = 'GET', url = '/' } = request
    // The answer never fails: what goes wrong is in it.
    void answerTo(runner, method, url.split('?', 1)[0] ?? '/').then(({ status, type, body }) => {
      response.writeHead(status, headersOf(type)).end(method === 'HEAD' ? undefined : body)
    })
  })
  await listen(server, port, host)
  server.unref()
  // A server that listens at a port has such an address.
  const { port: actual } = server.address() as AddressInfo
  return {
    port: actual,
    url: `http://${isIP(host) === 6 ? `[${host}]` : host}:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function listen(server: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown): void => reject(listenError(port, host, error))
    server.once('error', refuse)
    try {
      server.listen(port, host, resolve)
    } catch (error) {
      // A port that is no port.
      refuse(error)
    }
  })
}

function listenError(port: number, host: string, error: unknown): Error {
  const isTaken = error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
  const why = isTaken ? 'another program listens there' : error instanceof Error ? error.message : String(error)
  const message = `the probes cannot listen at port ${port} of ${host}: ${why}; take another port or host`
  return runnerError('ERR_PROBES_LISTEN', message)
}

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

async function answerTo(runner: AnyRunner, method: string, path: string): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'GET and HEAD are answered' })
  switch (path.slice(path.lastIndexOf('/'))) {
    case '/livez': {
      const reason = whyNotLive(telemetrySourceOf(runner))
      return reason === null ? json(200, { live: true }) : json(503, { live: false, reasons: [reason] })
    }
    case '/readyz': {
      const { isReady, reasons } = await healthOf(runner)
      return isReady ? json(200, { ready: true }) : json(503, { ready: false, reasons })
    }
    case '/metrics':
      return { status: 200, type: PROMETHEUS_TYPE, body: await prometheusText(runner) }
    case '/scaling': {
      const scaling = await scalingDocument(telemetrySourceOf(runner))
      return scaling === null ? json(503, { error: 'the store does not answer' }) : json(200, scaling)
    }
    default:
      return json(404, { error: 'there are /livez, /readyz, /metrics and /scaling' })
  }
}

function json(status: number, document: object): Answer {
  return { status, type: 'application/json', body: `${JSON.stringify(document)}\n` }
}

function headersOf(type: string): Record<string, string> {
  return { 'content-type': type, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
}
