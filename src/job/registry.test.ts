import { describe, expect, it } from 'vitest'

import { job } from './job-definition.ts'
import { buildRegistry } from './registry.ts'
import * as suggest from './suggest.ts'

const ping = async (host: string): Promise<string> => host
const sendWelcome = job({ aliases: ['mail.welcome', 'welcome'] }, async () => {})

describe('buildRegistry', () => {
  it('registers the functions of modules and plain objects', () => {
    const { registry, problems } = buildRegistry({
      mailer: { ping, sendWelcome },
      suggest,
      'billing.eu': { send: () => {} },
    })
    expect(problems).toEqual([])
    expect(registry.names()).toEqual(
      expect.arrayContaining(['mailer.ping', 'mailer.sendWelcome', 'suggest.nearest', 'billing.eu.send']),
    )
    expect(registry.runnableNames()).toContain('welcome')
    expect(registry.nameOf(suggest.nearest)).toBe('suggest.nearest')
    expect(registry.find('mailer.sendWelcome')).toMatchObject({
      fn: sendWelcome,
      options: { aliases: ['mail.welcome', 'welcome'] },
    })
    expect(registry.find('mail.welcome')?.name).toBe('mailer.sendWelcome')
    expect(registry.find('mailer.ping')?.options).toBeUndefined()
    expect(registry.resolve(ping)).toBe(registry.resolve('mailer.ping'))
    expect(registry.jobs()).toHaveLength(registry.names().length)
  })

  it('ignores classes and what is no function', () => {
    function* generator(): Generator {}
    function old(): void {}
    const bound = old.bind(null)
    const { registry } = buildRegistry({
      m: { A: class {}, D: Date, n: 1, o: {}, s: 'x', u: undefined, old, generator, bound },
    })
    expect(registry.names()).toEqual(['m.old', 'm.generator', 'm.bound'])
  })

  it('ignores a default export that has another name too', () => {
    const only = (): void => {}
    const { registry, problems } = buildRegistry({
      a: { default: ping, ping },
      b: { default: only, 'module.exports': only },
    })
    expect(problems).toEqual([])
    expect(registry.names()).toEqual(['a.ping', 'b.default'])
  })

  it('looks at own properties only', () => {
    const { registry } = buildRegistry({ m: Object.create({ inherited: () => {} }) })
    expect(registry.names()).toEqual([])
    for (const name of [
      'constructor',
      '__proto__',
      'toString',
      'm.constructor',
      'm.__proto__',
      'm.toString',
      'm',
      '',
      'm.',
      'node:fs',
    ]) {
      expect(registry.find(name)).toBeUndefined()
    }
  })

  it('cannot be changed', () => {
    const module: Record<string, unknown> = { ping }
    const { registry } = buildRegistry({ m: module })
    module['later'] = () => {}
    expect(registry.find('m.later')).toBeUndefined()
    expect(Object.isFrozen(registry)).toBe(true)
    expect(Object.isFrozen(registry.get('m.ping'))).toBe(true)
    expect(Object.isFrozen(registry.names())).toBe(true)
  })

  it.each([
    [{ a: { ping }, b: { ping } }, 'jobs "a.ping" and "b.ping" are the same function'],
    [{ a: { 'b.c': () => {} }, 'a.b': { c: () => {} } }, 'two functions are called "a.b.c"'],
    [{ a: { 'not a name': () => {} } }, '"a.not a name" cannot be the name of a job'],
    [{ '': { ping } }, '".ping" cannot be'],
    [{ _a: { ping } }, 'cannot be the name'],
    [{ ['x'.repeat(130)]: { ping } }, 'at most 128'],
    [{ 'a.b.c.d': { ping } }, 'one to four words'],
    [
      { mail: { welcome: () => {} }, mailer: { sendWelcome } },
      'alias "mail.welcome" of job "mailer.sendWelcome" belongs to job "mail.welcome" too',
    ],
    [{ m: { a: job({ aliases: ['m.a'] }, () => {}) } }, 'has its own name among its aliases'],
    [
      { m: { a: job({ aliases: ['x'] }, () => {}), b: job({ aliases: ['x'] }, () => {}) } },
      'alias "x" of job "m.b" belongs to job "m.a"',
    ],
    [{ m: ping }, 'jobs.m is function; it must be a module'],
    [{ m: null }, 'jobs.m is null'],
    [undefined, 'option "jobs" is undefined'],
    [[ping], 'option "jobs" is an array'],
  ])('reports a problem: %#', (modules, message) => {
    expect(buildRegistry(modules).problems.join('\n')).toContain(message)
  })

  it('explains a module that is still loading', () => {
    const loading = Object.defineProperty({}, 'ping', {
      enumerable: true,
      get: () => {
        throw new ReferenceError("Cannot access 'ping' before initialization")
      },
    })
    expect(buildRegistry({ mailer: loading }).problems.join()).toContain('let it use currentJob().enqueue instead')
  })

  it('names the fix for what is not registered', () => {
    const { registry } = buildRegistry({ mailer: { ping } })
    const twin = { ping: () => {} }.ping
    const resize = (): void => {}
    expect(() => registry.nameOf(resize)).toThrow(
      'function "resize" is not registered; export it from a module and pass that module to createRunner({ jobs: { … } })',
    )
    expect(() => registry.nameOf(twin)).toThrow('function "ping" is not the one registered as "mailer.ping"')
    expect(() => registry.resolve(() => {})).toThrow('an anonymous function is not registered')
    // @ts-expect-error a job is a function or a name
    expect(() => registry.resolve(5)).toThrow(expect.objectContaining({ code: 'ERR_UNREGISTERED_FUNCTION' }))
    expect(() => registry.get('mailer.pong')).toThrow(
      expect.objectContaining({
        code: 'ERR_UNKNOWN_JOB',
        message: 'no job is called "mailer.pong"; did you mean "mailer.ping"?',
      }),
    )
  })
})
