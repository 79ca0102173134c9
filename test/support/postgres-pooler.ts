/**
 * A pooler in transaction mode, as a client notices it: between client and server, it greets with a process id of its own and
 * loses notifications. Statements and rows pass as they are.
 */

import { connect, createServer, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

/** Message types of the protocol: the key of the backend, and a notification. */
const BACKEND_KEY = 'K'
const NOTIFICATION = 'A'

/** Puts a pooler before a server until the test has ended; answers the URL through it. */
export async function startPooler(
  url: string,
  { losesNotifications = true }: { readonly losesNotifications?: boolean } = {},
): Promise<string> {
  const target = new URL(url)
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => {
        client.destroy()
        upstream.destroy()
      })
    }
    client.pipe(upstream)
    let rest = Buffer.alloc(0)
    upstream.on('data', (data) => {
      rest = Buffer.concat([rest, data])
      // A message is its type, its length without the type, and its content.
      while (rest.length >= 5 && rest.length >= 1 + rest.readUInt32BE(1)) {
        const message = rest.subarray(0, 1 + rest.readUInt32BE(1))
        rest = rest.subarray(message.length)
        const type = String.fromCharCode(message[0] ?? 0)
        if (type === BACKEND_KEY) message.writeUInt32BE((message.readUInt32BE(5) ^ 0x5a5a) >>> 0, 5)
        if (type !== NOTIFICATION || !losesNotifications) client.write(message)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const through = new URL(url)
  // A server that listens on a port has an address of this shape.
  through.port = String((server.address() as { readonly port: number }).port)
  return through.href
}
