/** Checked by the compiler only: what `enqueue` and `enqueueAll` accept, refuse and answer. */

import { z } from 'zod'

import { currentJob } from '../../src/job/current-job.ts'
import type { EnqueueOptions } from '../../src/job/enqueue-options.ts'
import { job } from '../../src/job/job-definition.ts'
import type { JobHandle } from '../../src/job/job-handle.ts'
import { cancel, discard, retry, snooze } from '../../src/job/outcome.ts'
import type {
  ArgsOf,
  EnqueuedHandles,
  EnqueueEntries,
  JobFunction,
  JobModules,
  JobName,
  JobTarget,
  ResultOf,
} from '../../src/job/typed-jobs.ts'

/** The two methods as the runner declares them. */
interface Runner<Jobs extends JobModules> {
  enqueue<const Target extends JobName<Jobs> | JobFunction>(
    target: Target,
    args: ArgsOf<Jobs, Target>,
    options?: EnqueueOptions,
  ): Promise<JobHandle<ResultOf<Jobs, Target>>>
  enqueueAll<const Targets extends readonly JobTarget<Jobs>[]>(
    entries: EnqueueEntries<Jobs, Targets>,
  ): Promise<EnqueuedHandles<Jobs, Targets>>
}

declare function createRunner<const Jobs extends JobModules>(config: { readonly jobs: Jobs }): Runner<Jobs>

/** Compiles only when both types are the same. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false
declare function expectType<Expected>(): <Actual>(
  actual: Actual,
  ...same: Same<Expected, Actual> extends true ? [] : [never]
) => void

interface User {
  readonly id: number
  readonly tenant: string
}

function overloaded(value: string): string
function overloaded(value: number, radix: number): number
function overloaded(value: string | number, _radix?: number): string | number {
  return value
}

const mailer = {
  ping: async (host: string) => host.length,
  sendWelcome: job({ queue: 'email', key: 'args[0].tenant' }, async (user: User) => {
    if (user.id === 0) return snooze('5m')
    if (user.id === 1) return discard('gone')
    if (user.id === 2) return cancel('no')
    if (user.id === 3) return retry('later', { delay: '1h' })
    return { messageId: String(user.id) }
  }),
  optional: (path: string, width?: number) => `${path}@${width ?? 0}`,
  rest: (first: string, ...others: number[]) => first.length + others.length,
  generic: async <T>(value: T) => [value],
  overloaded,
  nothing: async () => {},
  Mailer: class {},
  limit: 10,
}

const imports = {
  run: job({ input: [z.object({ at: z.string().transform((text) => new Date(text)) })] }, async (row) =>
    row.at.getTime(),
  ),
  note: job({ input: [z.string(), z.number().optional()] }, (text: string, times?: number) => text.repeat(times ?? 1)),
}

const runner = createRunner({ jobs: { mailer, imports, 'billing.invoices': { send: (id: bigint) => id } } })

export async function byReference(): Promise<void> {
  const ping = await runner.enqueue(mailer.ping, ['host'])
  expectType<JobHandle<number>>()(ping)
  const welcome = await runner.enqueue(mailer.sendWelcome, [{ id: 1, tenant: 'a' }], { delay: '10m', priority: 1 })
  expectType<{ messageId: string }>()(await welcome.result())
  await runner.enqueue(mailer.optional, ['a'])
  await runner.enqueue(mailer.optional, ['a', 1])
  await runner.enqueue(mailer.optional, ['a', undefined])
  await runner.enqueue(mailer.rest, ['a', 1, 2, 3])
  await runner.enqueue(mailer.generic, [new Date()])
  await runner.enqueue(mailer.overloaded, [1, 10])
  expectType<JobHandle<void>>()(await runner.enqueue(mailer.nothing, []))
  const args = ['host'] as const
  await runner.enqueue(mailer.ping, args)

  // @ts-expect-error a wrong type
  await runner.enqueue(mailer.ping, [1])
  // @ts-expect-error too many
  await runner.enqueue(mailer.ping, ['host', 1])
  // @ts-expect-error too few
  await runner.enqueue(mailer.ping, [])
  // @ts-expect-error a wrong type in the rest
  await runner.enqueue(mailer.rest, ['a', 1, 'b'])
  // @ts-expect-error the args are a tuple
  await runner.enqueue(mailer.ping, 'host')
  // @ts-expect-error the last overload counts
  await runner.enqueue(mailer.overloaded, ['text'])
  // @ts-expect-error a field is missing
  await runner.enqueue(mailer.sendWelcome, [{ id: 1 }])
  // @ts-expect-error a class is no job
  await runner.enqueue(mailer.Mailer, [])
  // @ts-expect-error no function
  await runner.enqueue(mailer.limit, [])
}

export async function theErrorIsAtTheArgument(): Promise<void> {
  await runner.enqueue(
    mailer.ping,
    // @ts-expect-error reported here, not at the call
    [1],
  )
  await runner.enqueue(
    'mailer.ping',
    [
      // @ts-expect-error reported here, not at the call
      1,
    ],
  )
}

export async function byName(): Promise<void> {
  expectType<JobHandle<number>>()(await runner.enqueue('mailer.ping', ['host']))
  expectType<JobHandle<{ messageId: string }>>()(await runner.enqueue('mailer.sendWelcome', [{ id: 1, tenant: 'a' }]))
  expectType<JobHandle<bigint>>()(await runner.enqueue('billing.invoices.send', [1n]))

  // @ts-expect-error a wrong type
  await runner.enqueue('mailer.ping', [1])
  // @ts-expect-error no such function
  await runner.enqueue('mailer.pong', ['host'])
  // @ts-expect-error no such module
  await runner.enqueue('images.resize', ['host'])
  // @ts-expect-error a class is no job
  await runner.enqueue('mailer.Mailer', [])
  // @ts-expect-error no function
  await runner.enqueue('mailer.limit', [])
}

export async function withSchemas(): Promise<void> {
  const handle = await runner.enqueue(imports.run, [{ at: '2026-01-01' }])
  expectType<JobHandle<number>>()(handle)
  await runner.enqueue('imports.run', [{ at: '2026-01-01' }])
  await runner.enqueue(imports.note, ['a'])
  await runner.enqueue(imports.note, ['a', 2])
  // Called directly, the function takes the outputs.
  expectType<Promise<number>>()(imports.run({ at: new Date() }))

  // @ts-expect-error the output is not what is enqueued
  await runner.enqueue(imports.run, [{ at: new Date() }])
  // @ts-expect-error the input is not what the function takes
  await imports.run({ at: '2026-01-01' })
  // @ts-expect-error a parameter that the schemas do not give
  job({ input: [z.string()] }, (_text: string, _times: number) => 0)
  // @ts-expect-error the parameter is not the output of its schema
  job({ input: [z.string()] }, (_text: number) => 0)
}

export async function many(): Promise<void> {
  const [ping, welcome, invoice] = await runner.enqueueAll([
    [mailer.ping, ['host']],
    ['mailer.sendWelcome', [{ id: 1, tenant: 'a' }], { delay: '1s' }],
    ['billing.invoices.send', [1n]],
  ])
  expectType<JobHandle<number>>()(ping)
  expectType<JobHandle<{ messageId: string }>>()(welcome)
  expectType<JobHandle<bigint>>()(invoice)

  const hosts: string[] = []
  const handles = await runner.enqueueAll(hosts.map((host) => [mailer.ping, [host]] as const))
  expectType<JobHandle<number>[]>()(handles)
  await runner.enqueueAll([])

  await runner.enqueueAll([
    [mailer.ping, ['host']],
    // @ts-expect-error a wrong type
    [mailer.ping, [1]],
  ])
  await runner.enqueueAll([
    // @ts-expect-error an unknown option
    [mailer.ping, ['host'], { dealy: '1s' }],
  ])
  // @ts-expect-error no such name
  await runner.enqueueAll([['mailer.pong', ['host']]])
}

export async function options(): Promise<void> {
  const delay = undefined as string | undefined
  await runner.enqueue(mailer.ping, ['host'], { delay, at: undefined, key: undefined, tags: undefined, tx: undefined })
  await runner.enqueue(mailer.ping, ['host'], { tags: ['a'] as const, at: new Date(), backoff: { base: 10 } })

  // @ts-expect-error an unknown option
  await runner.enqueue(mailer.ping, ['host'], { retries: 3 })
  // @ts-expect-error a function cannot be stored with a job
  await runner.enqueue(mailer.ping, ['host'], { backoff: () => 10 })
  // @ts-expect-error a literal key only
  await runner.enqueue(mailer.ping, ['host'], { key: (host: string) => host })
}

export function definitions(): void {
  const same = async (user: User): Promise<number> => user.id
  expectType<(user: User) => Promise<number>>()(job({ key: (user) => user.tenant }, same))
  job({ queue: undefined, timeout: undefined, backoff: (attempt) => attempt * 1000, aliases: ['old.name'] }, same)
  job({ input: [z.object({ id: z.coerce.number<string>() })], key: (row) => row.id }, (row) => row.id + 1)

  // @ts-expect-error an unknown option
  job({ retries: 3 }, same)
  // @ts-expect-error the key function gets the args
  job({ key: (user) => user.nothing }, same)
}

export async function fromWithin(): Promise<void> {
  const { enqueue, signal } = currentJob()
  expectType<AbortSignal>()(signal)
  expectType<JobHandle<number>>()(await enqueue(mailer.ping, ['host']))
  await enqueue(imports.run, [{ at: '2026-01-01' }])
  // @ts-expect-error a wrong type
  await enqueue(mailer.ping, [1])
  // @ts-expect-error by reference only
  await enqueue('mailer.ping', ['host'])
}
