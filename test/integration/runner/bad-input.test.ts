import { join } from 'node:path'
import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'

import { batchJob, createRunner, currentJob, job, type EnqueueOptions } from 'millrace'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'

import { eventually } from '../../support/eventually.ts'
import { gate } from '../../support/gate.ts'
import { aRunner, aWorker, eventsOf } from '../../support/runner.ts'
import { tempDatabase, tempFolder } from '../../support/temp-database.ts'
import { aWorkerProcess, readRecord } from '../../support/worker-process.ts'

interface Handle {
  prepare(sql: string): { get(...values: unknown[]): unknown; run(...values: unknown[]): unknown }
  exec(sql: string): void
  close(): void
}

// The package ships a CommonJS build for this; its own types are those of node:sqlite.
const { DatabaseSync } = createRequire(import.meta.url)('@photostructure/sqlite') as {
  readonly DatabaseSync: new (path: string) => Handle
}

const work = {
  run: (value: unknown) => value,
  greet: job({ input: [z.object({ name: z.string().min(2) })] }, ({ name }: { name: string }) => name),
  keyed: job({ key: 'args[0].tenant' }, (order: { tenant: string }) => order.tenant),
}

/** A call from JavaScript, where no type protects anybody. */
type LooseEnqueue = (target: unknown, args: unknown, options?: unknown) => Promise<unknown>

async function refusal(call: () => unknown): Promise<{ readonly code: unknown; readonly message: string }> {
  try {
    await call()
  } catch (error) {
    if (error instanceof Error) return { code: Reflect.get(error, 'code'), message: error.message }
    throw error
  }
  throw new Error('nothing was refused')
}

function looseRunner() {
  const { runner } = aRunner({ work })
  // What a program without types can do.
  const enqueue = runner.enqueue.bind(runner) as unknown as LooseEnqueue
  return { runner, enqueue }
}

describe('enqueue refuses, before anything is stored', () => {
  const deep = Array.from({ length: 10_000 }).reduce<unknown>((inner) => [inner], 1)
  const cases: readonly [what: string, target: unknown, args: unknown, options: unknown, code: string, says: RegExp][] =
    [
      [
        'a function that is not registered',
        function stray() {},
        [],
        {},
        'ERR_UNREGISTERED_FUNCTION',
        /"stray".*createRunner/,
      ],
      ['an unknown name, naming the nearest', 'work.rnu', [], {}, 'ERR_UNKNOWN_JOB', /"work\.rnu".*"work\.run"/],
      ['a name of the prototype', 'work.constructor', [], {}, 'ERR_UNKNOWN_JOB', /work\.constructor/],
      ['a target that is neither', 7, [], {}, 'ERR_UNREGISTERED_FUNCTION', /not number/],
      ['null as target', null, [], {}, 'ERR_UNREGISTERED_FUNCTION', /not null/],
      ['args that are no array', 'work.run', { length: 1 }, {}, 'ERR_ARGS_INVALID', /pass the array/],
      ['no args at all', 'work.run', undefined, {}, 'ERR_ARGS_INVALID', /undefined/],
      [
        'a function in the args',
        'work.run',
        [{ a: [() => 1] }],
        {},
        'ERR_VALUE_UNSUPPORTED',
        /args\[0\]\.a\[0\] is a function/,
      ],
      ['a symbol', 'work.run', [Symbol('x')], {}, 'ERR_VALUE_UNSUPPORTED', /args\[0\]/],
      ['an instance of a class', 'work.run', [new (class Odd {})()], {}, 'ERR_VALUE_UNSUPPORTED', /Odd/],
      ['a promise', 'work.run', [Promise.resolve()], {}, 'ERR_VALUE_UNSUPPORTED', /await it/],
      ['a key __proto__', 'work.run', [JSON.parse('{"__proto__":1}')], {}, 'ERR_VALUE_UNSUPPORTED', /__proto__/],
      ['nesting 10,000 deep', 'work.run', [deep], {}, 'ERR_VALUE_UNSUPPORTED', /flatten/],
      ['more than 1 MiB', 'work.run', ['x'.repeat(1_100_000)], {}, 'ERR_ARGS_TOO_LARGE', /1100004.*1048576/],
      ['what does not fit its schema', 'work.greet', [{ name: 'A' }], {}, 'ERR_ARGS_INVALID', /args\[0\]\.name/],
      [
        'too many args for the schemas',
        'work.greet',
        [{ name: 'Anna' }, 2],
        {},
        'ERR_ARGS_INVALID',
        /only 1 parameter/,
      ],
      ['a key that cannot be read', 'work.keyed', [{}], {}, 'ERR_BAD_KEY', /args\[0\] has no "tenant"/],
      ['a bad duration', 'work.run', [1], { delay: 'soon' }, 'ERR_BAD_OPTIONS', /"soon".*"10s"/],
      ['a negative duration', 'work.run', [1], { delay: -1 }, 'ERR_BAD_OPTIONS', /negative/],
      ['an endless duration', 'work.run', [1], { delay: Infinity }, 'ERR_BAD_OPTIONS', /longer than ten years/],
      ['a date that is none', 'work.run', [1], { at: new Date(Number.NaN) }, 'ERR_BAD_OPTIONS', /"at"/],
      ['both delay and at', 'work.run', [1], { delay: 1, at: 1 }, 'ERR_BAD_OPTIONS', /exclude each other/],
      ['a bad priority', 'work.run', [1], { priority: 101 }, 'ERR_BAD_OPTIONS', /101.*-100 to 100/],
      ['a bad id', 'work.run', [1], { id: '7' }, 'ERR_BAD_OPTIONS', /UUID/],
      ['a bad queue name', 'work.run', [1], { queue: 'no name' }, 'ERR_BAD_OPTIONS', /"no name"/],
      ['bad tags', 'work.run', [1], { tags: ['', 'a\0'] }, 'ERR_BAD_OPTIONS', /tag 0[^]*tag 1/],
      ['a bad key', 'work.run', [1], { key: '' }, 'ERR_BAD_OPTIONS', /"key"/],
      ['an unknown option, naming the nearest', 'work.run', [1], { dleay: 1 }, 'ERR_BAD_OPTIONS', /"dleay".*"delay"/],
      ['options that are none', 'work.run', [1], 'later', 'ERR_BAD_OPTIONS', /must be an object/],
      ['a function as backoff', 'work.run', [1], { backoff: () => 1 }, 'ERR_BAD_OPTIONS', /put it into job\(\)/],
      [
        'unique, which is planned',
        'work.run',
        [1],
        { unique: { by: 'args', onConflict: 'ignore' } },
        'ERR_NOT_AVAILABLE',
        /unique/,
      ],
      ['a tx that is none', 'work.run', [1], { tx: {} }, 'ERR_TX_FOREIGN', /no SQLite connection/],
    ]

  it.each(cases)('%s', async (_what, target, args, options, code, says) => {
    const { runner, enqueue } = looseRunner()
    const error = await refusal(() => enqueue(target, args, options))
    expect(error.code).toBe(code)
    expect(error.message).toMatch(says)
    expect((await runner.list()).jobs).toEqual([])
  })

  it('every bad option at once', async () => {
    const { enqueue } = looseRunner()
    const options = { priority: 1.5, maxAttempts: 0, timeout: '0s', tags: 'x', nonsense: 1 }
    const { message } = await refusal(() => enqueue('work.run', [1], options))
    for (const word of ['priority', 'maxAttempts', 'timeout', 'tags', 'nonsense']) expect(message).toContain(word)
  })

  it('entries of enqueueAll that are none', async () => {
    const { runner } = looseRunner()
    const enqueueAll = runner.enqueueAll.bind(runner) as unknown as (entries: unknown) => Promise<unknown>
    expect((await refusal(() => enqueueAll('x'))).code).toBe('ERR_BAD_OPTIONS')
    expect((await refusal(() => enqueueAll(['work.run']))).message).toContain('entry 0')
    expect(
      (
        await refusal(() =>
          enqueueAll([
            ['work.run', [1]],
            ['work.rnu', []],
          ]),
        )
      ).code,
    ).toBe('ERR_UNKNOWN_JOB')
    expect((await runner.list()).jobs).toEqual([])
  })
})

describe('other calls refuse', () => {
  it('ids and filters that are none', async () => {
    const { runner } = looseRunner()
    const loose = runner as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
    for (const [method, value] of [
      ['job', undefined],
      ['result', 7],
      ['explain', null],
      ['cancel', 7],
      ['retry', null],
      ['delete', undefined],
      ['cancel', { stat: 'queued' }],
      ['list', { state: 'quued' }],
      ['list', { limit: 0 }],
      ['list', { search: 7 }],
      ['pause', 'no name'],
      ['resume', undefined],
    ] as const) {
      const error = await refusal(() => loose[method]?.(value))
      expect({ method, value, code: error.code }).toEqual({ method, value, code: 'ERR_BAD_OPTIONS' })
    }
  })

  it('what is planned, by name', () => {
    const planned: readonly (() => unknown)[] = [
      () => batchJob({}, () => {}),
      () => job({ isolate: 'thread' }, () => {}),
      () => job({ unique: { by: 'args', onConflict: 'ignore' } }, () => {}),
    ]
    for (const call of planned) expect(call).toThrow(expect.objectContaining({ code: 'ERR_NOT_AVAILABLE' }))
  })
})

describe('databases that cannot be', () => {
  const codeOf = async (database: string): Promise<unknown> => {
    const runner = createRunner({ database, jobs: { work } })
    const { code, message } = await refusal(() => runner.enqueue(work.run, [1]))
    expect(message.length).toBeGreaterThan(20)
    await runner.close()
    return code
  }

  it('a folder that cannot be written, a folder as file, a file that is no database', async () => {
    const folder = tempFolder()
    const file = join(folder, 'text.db')
    writeFileSync(file, 'this is no database, but long enough to be looked at as one; '.repeat(20))
    expect(await codeOf('sqlite:/dev/null/x/jobs.db')).toBe('ERR_STORE_OPEN')
    expect(await codeOf(`sqlite:${file}/jobs.db`)).toBe('ERR_STORE_OPEN')
    expect(await codeOf(`sqlite:${folder}`)).toBe('ERR_STORE_OPEN')
    expect(await codeOf(`sqlite:${file}`)).toMatch(/^ERR_STORE_(OPEN|CORRUPT)$/)
  })

  it('a schema of a newer version', async () => {
    const { path, url } = tempDatabase()
    const { runner } = aRunner({ work }, { database: url })
    await runner.migrate()
    await runner.close()
    const db = new DatabaseSync(path)
    db.exec('update millrace_schema set version = 999')
    db.close()
    expect(await codeOf(url)).toBe('ERR_SCHEMA_NEWER')
  })

  it('a URL that is none: refused when the runner is made', () => {
    for (const database of ['', 'sqlite:', 'jobs.db', 'mysql://u:secret@h/d', 'sqlite:x?mode=ro', 'sqlite::disk:']) {
      expect(() => createRunner({ database, jobs: { work } })).toThrow(
        expect.objectContaining({ code: 'ERR_CONFIGURATION', message: expect.not.stringContaining('secret') }),
      )
    }
  })
})

describe('a handler', () => {
  it('may throw anything: each job ends, with a text that says what it was', async () => {
    const trap = {
      get: (): never => {
        throw new Error('trap')
      },
    }
    const properties = { message: trap, stack: trap, name: trap, cause: trap, code: trap }
    const hostile: unknown = Object.create(Error.prototype, properties)
    const cyclic = new Error('cyclic')
    cyclic.cause = cyclic
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const thrown: readonly unknown[] = [
      null,
      undefined,
      'text',
      7n,
      Symbol('s'),
      {},
      [],
      () => 1,
      hostile,
      cyclic,
      proxy,
      'a\0\ud800',
    ]
    const own = {
      throwIt: job({ maxAttempts: 1 }, (index: number) => {
        // oxlint-disable-next-line typescript/only-throw-error -- this is what the test is about
        throw thrown[index]
      }),
    }
    const { runner } = await aWorker({ own })
    for (const index of thrown.keys()) {
      const handle = await runner.enqueue(own.throwIt, [index])
      await expect(handle.result({ timeout: '5s' })).rejects.toMatchObject({ code: 'ERR_JOB_FAILED' })
      const error = (await runner.job(handle.id))?.error
      expect(error?.message).toEqual(expect.any(String))
      expect(error?.message).not.toMatch(/\0|\ud800/)
    }
  })

  it('may throw an error of 50 MB: the job fails with a short one, and nothing is stuck', async () => {
    const own = {
      shout: job({ maxAttempts: 1 }, () => {
        throw new Error('x'.repeat(50_000_000))
      }),
    }
    const { runner } = await aWorker({ own })
    const handle = await runner.enqueue(own.shout, [])
    await expect(handle.result({ timeout: '10s' })).rejects.toMatchObject({ code: 'ERR_JOB_FAILED' })
    expect((await runner.job(handle.id))?.error?.message.length).toBeLessThanOrEqual(8 * 1024)
  })

  it('may return anything: the job completes, and its result is kept or said not to be', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    const lazy = new Proxy(
      {},
      {
        get: () => {
          throw new Error('trap')
        },
      },
    )
    const values: readonly unknown[] = [Symbol('s'), () => 1, proxy, new (class Odd {})(), 'x'.repeat(2_000_000)]
    const own = { giveIt: (index: number) => values[index], lazy: job({ maxAttempts: 1 }, () => lazy) }
    const { runner } = await aWorker({ own })
    for (const index of values.keys()) {
      const handle = await runner.enqueue(own.giveIt, [index], { maxAttempts: 1 })
      const { code } = await refusal(() => handle.result({ timeout: '5s' }))
      expect(['ERR_RESULT_NOT_KEPT', 'ERR_JOB_FAILED']).toContain(code)
    }
    // Reading `then` of what it returned throws, so the attempt does.
    const handle = await runner.enqueue('own.lazy', [])
    await expect(handle.result({ timeout: '5s' })).rejects.toThrow('trap')
  })

  it('that never settles blocks nobody else, and is ended by its timeout', async () => {
    const own = {
      never: job({ timeout: 40, maxAttempts: 1 }, () => new Promise(() => {})),
      quick: () => 'quick',
    }
    const { runner } = await aWorker({ own }, { queues: { default: { concurrency: 2 } } })
    const stuck = await runner.enqueue(own.never, [])
    expect(await (await runner.enqueue(own.quick, [])).result()).toBe('quick')
    await expect(stuck.result({ timeout: '10s' })).rejects.toMatchObject({ jobError: { code: 'ERR_JOB_TIMEOUT' } })
  }, 15_000)

  it('that changes the args it got changes nothing for its next attempt', async () => {
    const own = {
      spoil: job({ backoff: { base: 0 } }, (list: number[]) => {
        if (currentJob().attempt === 2) return list
        list.push(9)
        throw new Error('again')
      }),
    }
    const { runner } = await aWorker({ own })
    expect(await (await runner.enqueue(own.spoil, [[1]])).result()).toEqual([1])
  })

  it('with a promise that is rejected after it ended keeps its end, and its process goes on', async () => {
    const folder = tempFolder()
    const place = { url: `sqlite:${join(folder, 'jobs.db')}`, record: join(folder, 'record') }
    const { runner } = aRunner({ work: { detachedRejection: () => {}, run: () => {} } }, { database: place.url })
    const worker = await aWorkerProcess({ ...place, start: {}, isQuiet: true })
    const handle = await runner.enqueue('work.detachedRejection', [])
    expect(await handle.result({ timeout: '10s' })).toBe('returned')
    const next = await runner.enqueue('work.run', [])
    await next.result({ timeout: '10s' })
    expect(readRecord(place.record).map(({ id }) => id)).toEqual([handle.id, next.id, next.id])
    expect(worker.child.exitCode).toBeNull()
  }, 20_000)
})

describe('a row written by hand', () => {
  it('with garbage in it fails alone, or waits for a worker; the others go on', async () => {
    const { path, url } = tempDatabase()
    const { runner } = await aWorker({ work }, { database: url })
    const failures = eventsOf(runner, 'job:exception')
    const db = new DatabaseSync(path)
    db.exec('pragma busy_timeout = 5000')
    const insert = db.prepare(
      `insert into millrace_job (id, name, args, args_codec, tags, backoff) values (?, ?, ?, ?, ?, ?)`,
    )
    const broken: readonly (readonly [args: string, codec: string, tags: string, backoff: string | null])[] = [
      ['not json', 'json', '[]', null],
      ['{"not":"an array"}', 'json', '[]', null],
      ['', 'json', '[]', null],
      ['[["Nonsense",1]]', 'devalue', '[]', null],
      ['[1]', 'devalue', '[]', null],
      ['[{"__proto__":{"polluted":true}}]', 'json', '[]', null],
    ]
    for (const [index, [args, codec, tags, backoff]] of broken.entries()) {
      insert.run(`broken-${index}`, 'work.run', args, codec, tags, backoff)
    }
    const unknown = ['constructor', '__proto__.x', 'toString', 'work.toString', 'no such job']
    for (const name of unknown) insert.run(`unknown ${name}`, name, '[]', 'json', '[]', null)
    insert.run('odd-but-fine', 'work.run', '[42]', 'json', 'no json', 'no json')
    expect(await (await runner.enqueue(work.run, ['good'])).result({ timeout: '5s' })).toBe('good')
    await eventually(async () => {
      const states = await Promise.all(broken.map(async (_, index) => (await runner.job(`broken-${index}`))?.state))
      return states.every((state) => state === 'failed')
    })
    for (const name of unknown) {
      expect(await runner.explain(`unknown ${name}`)).toMatchObject({ state: 'queued', waiting: 'no-worker' })
    }
    expect(['completed', 'failed']).toContain((await runner.job('odd-but-fine'))?.state)
    expect(failures.length).toBeGreaterThanOrEqual(broken.length)
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
    expect((await runner.list({ limit: 100 })).jobs.length).toBe(broken.length + unknown.length + 2)
    db.close()
  })
})

describe('names and settings', () => {
  it('such as `constructor` are ordinary words', async () => {
    const release = gate()
    const own = { constructor: { toString: () => release.passed }, hasOwnProperty: { valueOf: () => 'plain' } }
    const { runner } = await aWorker(own, { queues: { constructor: { concurrency: 1 } } })
    const options: EnqueueOptions = { queue: 'constructor', key: '__proto__', tags: ['toString'] }
    const handle = await runner.enqueue('hasOwnProperty.valueOf', [], options)
    expect(await handle.result()).toBe('plain')
    release.open()
  })
})
