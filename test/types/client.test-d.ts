/** Checked by the compiler only: a client made from the type of a runner. */

import { createClient, createRunner, job, snooze, type Client, type JobHandle, type JobsOf } from 'millrace'
import { z } from 'zod'

const User = z.object({ id: z.coerce.number() })

const mailer = {
  ping: async (host: string, port?: number) => `${host}:${port ?? 80}`,
  welcome: job({ queue: 'email' }, async (user: { readonly id: number }) => {
    if (user.id === 0) return snooze('5m')
    return { messageId: String(user.id) }
  }),
  checked: job({ input: [User] }, (user) => user.id),
  limit: 7,
}
const runner = createRunner({ jobs: { mailer } })

/** Compiles only when both types are the same. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false
declare function expectType<Expected>(): <Actual>(
  actual: Actual,
  ...same: Same<Expected, Actual> extends true ? [] : [never]
) => void

const client = createClient<typeof runner>({ database: 'sqlite:./jobs.db' })
expectType<Client<JobsOf<typeof runner>>>()(client)

expectType<Promise<JobHandle<string>>>()(client.enqueue('mailer.ping', ['example.org']))
expectType<Promise<JobHandle<string>>>()(client.enqueue('mailer.ping', ['example.org', 8080], { delay: '1h' }))
expectType<Promise<JobHandle<{ messageId: string }>>>()(client.enqueue('mailer.welcome', [{ id: 1 }]))
expectType<Promise<[JobHandle<string>, JobHandle<{ messageId: string }>]>>()(
  client.enqueueAll([
    ['mailer.ping', ['example.org']],
    ['mailer.welcome', [{ id: 1 }], { priority: 1 }],
  ]),
)
// What a schema takes, which is not what the function gets.
void client.enqueue('mailer.checked', [{ id: '7' }])

// @ts-expect-error -- no such job
void client.enqueue('mailer.pong', ['example.org'])
// @ts-expect-error -- no function
void client.enqueue('mailer.limit', [])
// @ts-expect-error -- a wrong argument
void client.enqueue('mailer.ping', [7])
// @ts-expect-error -- too few arguments
void client.enqueue('mailer.welcome', [])
// @ts-expect-error -- a client has no functions
void client.enqueue(mailer.ping, ['example.org'])
void client.enqueueAll([
  ['mailer.ping', ['example.org']],
  // @ts-expect-error -- a wrong argument
  ['mailer.welcome', [7]],
])
// @ts-expect-error -- a client runs nothing
void client.start()

// Without the type of a runner: every name, any args.
const untyped = createClient({ database: 'sqlite:./jobs.db' })
void untyped.enqueue('mailer.ping', ['example.org', { any: 'thing' }])
void untyped.enqueueAll([['a.b', [1, 2]]])
