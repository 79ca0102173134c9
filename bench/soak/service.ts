/** What jobs call, on loopback: a payment service that can be down, inputs that can be bad, and a receiver of webhooks. */

import { createServer, type Server } from 'node:http'
import { once } from 'node:events'

/** A webhook that came. */
export interface ReceivedNotice {
  readonly at: number
  readonly key: string
  readonly id: string
}

export class LoadService {
  readonly url: string
  /** Whether charges are answered with 503. */
  isDown = false
  /** Whether inputs that were bad are mended. */
  isMended = false
  /** Calls of `/charge`. */
  charges = 0
  readonly notices: ReceivedNotice[] = []
  readonly #server: Server

  private constructor(server: Server, port: number) {
    this.#server = server
    this.url = `http://127.0.0.1:${port}`
  }

  static async start(): Promise<LoadService> {
    const server = createServer()
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const service = new LoadService(server, typeof address === 'object' && address !== null ? address.port : 0)
    server.on('request', (request, response) => {
      const path = request.url ?? ''
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.on('end', () => {
        const { status, text } = service.#answer(
          path,
          Buffer.concat(chunks).toString(),
          String(request.headers['idempotency-key']),
        )
        response.writeHead(status, { 'content-type': 'text/plain' }).end(text)
      })
    })
    return service
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    this.#server.closeAllConnections()
    await closed
  }

  #answer(path: string, body: string, key: string): { readonly status: number; readonly text: string } {
    if (path.startsWith('/charge/')) {
      this.charges += 1
      return this.isDown ? { status: 503, text: 'down' } : { status: 200, text: 'paid' }
    }
    if (path === '/webhook') {
      // millrace's own notifier wrote it.
      const { id } = JSON.parse(body) as { readonly id: string }
      this.notices.push({ at: Date.now(), key, id })
      return { status: 204, text: '' }
    }
    const isBad = path.startsWith('/input/bad') && !this.isMended
    return { status: 200, text: isBad ? '{"rows": [1, 2' : '{"rows": [1, 2]}' }
  }
}
