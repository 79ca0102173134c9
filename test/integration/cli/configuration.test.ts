/** Which configuration is loaded, how, and what is said when it cannot be. */

import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { root } from '../../package/package-files.ts'
import { SCHEMA_VERSION } from '../../../src/store/sqlite/schema.ts'
import { postgresDatabase } from '../../support/postgres-database.ts'
import { cliProject, emptyProject, type CliProject } from './cli-project.ts'

/** Puts the package into the `node_modules` of a project, as npm does. */
function installMillrace({ folder }: CliProject): void {
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  symlinkSync(root, join(folder, 'node_modules/millrace'), 'junction')
}

/** A job that finds the job it runs in only if its copy of the package is that of the worker. */
const WHO_AM_I = `
import { currentJob, job } from 'millrace'
export const whoAmI = job({ queue: 'email' }, async () => currentJob().name)
`

const WITH_WHO = `
import { createRunner } from 'millrace'
import * as who from './who.js'
export default createRunner({ jobs: { who } })
`

describe('a configuration', () => {
  it('in TypeScript may have enums, decorators and the path aliases of tsconfig.json', async () => {
    const project = emptyProject()
    const compilerOptions = { experimentalDecorators: true, paths: { '@/*': ['./src/*'] } }
    project.write('tsconfig.json', JSON.stringify({ compilerOptions }))
    project.write(
      'src/shop.ts',
      `export enum Kind { Book = 'book' }
       function loud(_: unknown, __: string, method: PropertyDescriptor) { return { ...method, value: () => 'LOUD' } }
       class Shop { constructor(private readonly kind: Kind) {} @loud name() { return this.kind } }
       export async function sell() { return new Shop(Kind.Book).name() }`,
    )
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import * as shop from '@/shop'
       export default createRunner({ jobs: { shop } })`,
    )
    await project.worker()
    const { code, document } = await project.json(['enqueue', 'shop.sell', '--wait'])
    expect({ code, result: document.result }).toEqual({ code: 0, result: 'LOUD' })
  })

  it.each(['millrace.config.mts', 'millrace.config.js', 'millrace.config.mjs'])('may be %s', async (name) => {
    const project = emptyProject()
    project.write('package.json', '{ "type": "module" }')
    project.write('who.js', WHO_AM_I)
    project.write(name, WITH_WHO)
    expect((await project.json(['enqueue', 'who.whoAmI'])).code).toBe(0)
    expect((await project.json(['ls'])).document.jobs).toMatchObject([{ name: 'who.whoAmI', queue: 'email' }])
  })

  it('may be a CommonJS module', async () => {
    const project = emptyProject()
    project.write(
      'millrace.config.js',
      `const { createRunner } = require('millrace')
       module.exports = createRunner({ jobs: { a: { b: async () => 1 } } })`,
    )
    expect((await project.json(['enqueue', 'a.b'])).code).toBe(0)
  })

  it.each([
    ['without the package in the project', false],
    ['with the package in the project', true],
  ])('and its jobs share one copy of the package, %s', async (_, isInstalled) => {
    const project = emptyProject()
    if (isInstalled) installMillrace(project)
    project.write('package.json', '{ "type": "module" }')
    project.write('who.js', WHO_AM_I)
    project.write('millrace.config.ts', WITH_WHO)
    await project.worker()
    const { document } = await project.json(['enqueue', 'who.whoAmI', '--wait'])
    expect(document.result).toBe('who.whoAmI')
  })

  it('shares it with packages of the project too, which are loaded by Node itself', async () => {
    const project = emptyProject()
    installMillrace(project)
    project.write('node_modules/who/package.json', '{ "name": "who", "type": "module", "exports": "./index.js" }')
    project.write('node_modules/who/index.js', WHO_AM_I)
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       import * as who from 'who'
       export default createRunner({ jobs: { who } })`,
    )
    await project.worker()
    const { document } = await project.json(['enqueue', 'who.whoAmI', '--wait'])
    expect(document.result).toBe('who.whoAmI')
  })

  it('may export any runner that can do what a runner does', async () => {
    const project = emptyProject()
    project.write(
      'millrace.config.ts',
      `const nothing = async () => []
       export default { enqueue: nothing, start: nothing, stop: nothing, close: nothing, job: nothing, list: nothing, queues: nothing }`,
    )
    expect((await project.json(['queues'])).document).toEqual({ version: 1, queues: [] })
  })

  it('is named with --config, from any folder', async () => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo'])
    mkdirSync(join(project.folder, 'below'))
    const at = { in: 'below' }
    const missing = await project.run(['start'], at)
    expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('../millrace.config.ts') })
    // The database is where the command runs, and nothing is there.
    const { code, stderr } = await project.run(['ls', '--config', '../millrace.config.ts'], at)
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('below/millrace.db') })
  })

  it('that --config names wrongly is answered with the nearest file', async () => {
    const { code, stderr } = await cliProject().run(['ls', '--config', 'milrace.config.ts'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('millrace.config.ts"?') })
  })

  it('that is called nearly right is found and named', async () => {
    const project = emptyProject()
    project.write('milrace.config.ts', '')
    const { code, stderr } = await project.run(['start'])
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining('there is milrace.config.ts') })
  })
})

describe('a configuration that cannot be used', () => {
  it.each([
    ['throws', 'throw new Error("no key")', ['cannot be loaded: no key']],
    ['imports what throws', 'import "./bad.ts"; export default 1', ['deep trouble', 'bad.ts:2:']],
    ['cannot be parsed', 'const x: = 3', ['ParseError', 'millrace.config.ts:1:']],
    ['imports what is not there', 'import "./nope.ts"; export default 1', ["'./nope.ts'", 'correct the import']],
    ['exports nothing', '', ['has no default export', 'export default createRunner']],
    [
      'exports its runner under a name',
      "import { createRunner } from 'millrace'; export const jobs = createRunner({ jobs: {} })",
      ['export default jobs'],
    ],
    ['exports options', 'export default { jobs: {} }', ['an object, not a runner', 'pass it to createRunner']],
    [
      'has wrong options',
      "import { createRunner } from 'millrace'; export default createRunner({ jobs: {}, quues: {} })",
      ['unknown option "quues"', 'did you mean "queues"?'],
    ],
  ])('because it %s is told with what to do', async (_, text, words) => {
    const project = emptyProject()
    project.write('bad.ts', '\nthrow new Error("deep trouble")')
    project.write('millrace.config.ts', text)
    const { code, stdout, stderr } = await project.run(['queues'])
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    for (const word of words) expect(stderr).toContain(word)
    expect(stderr).not.toMatch(/^\s+at /m)
  })

  it('shows its stack with --verbose, and with DEBUG', async () => {
    const project = emptyProject()
    project.write('millrace.config.ts', 'throw new Error("no key")')
    for (const run of [project.run(['queues', '--verbose']), project.run(['queues'], { env: { DEBUG: 'millrace' } })]) {
      expect((await run).stderr).toMatch(/^caused by: Error: no key\s+at /m)
    }
  })

  it('because it asks for what is planned is refused', async () => {
    const project = emptyProject()
    project.write(
      'millrace.config.ts',
      "import { createRunner } from 'millrace'; export default createRunner({ jobs: {}, cron: {} })",
    )
    const { code, stderr } = await project.run(['start'])
    expect({ code, stderr }).toMatchObject({ code: 5, stderr: expect.stringContaining('not available yet') })
  })
})

describe('which database', () => {
  it('is that of --database, else of --config, else of MILLRACE_DATABASE, else of the configuration', async () => {
    const project = cliProject()
    for (const name of ['flag', 'env']) {
      expect((await project.run(['migrate', '--database', `sqlite:./${name}.db`])).code).toBe(0)
    }
    await project.run(['enqueue', 'work.echo'])
    const env = { MILLRACE_DATABASE: 'sqlite:./env.db' }
    const jobs = async (args: string[], options = {}): Promise<number> =>
      (await project.json(['ls', ...args], options)).document.jobs.length
    expect(await jobs([])).toBe(1)
    expect(await jobs([], { env })).toBe(0)
    expect(await jobs(['--config', 'millrace.config.ts'], { env })).toBe(1)
    expect(await jobs(['--database', 'sqlite:./flag.db'])).toBe(0)
    const both = await project.run(['ls', '--database', 'sqlite:./flag.db', '--config', 'millrace.config.ts'])
    expect(both.code).toBe(2)
  })

  it('is that of DATABASE_URL where nothing else names one', async () => {
    const project = cliProject()
    expect((await project.run(['migrate', '--url', 'sqlite:./shared.db'])).code).toBe(0)
    await project.run(['enqueue', 'work.echo'])
    const env = { DATABASE_URL: 'sqlite:./shared.db' }
    const count = async (): Promise<number> => (await project.json(['ls'], { env })).document.jobs.length
    // The configuration does not name a database.
    expect(await count()).toBe(0)
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'
       export default createRunner({ database: 'sqlite:./millrace.db', jobs: {} })`,
    )
    expect(await count()).toBe(1)
    rmSync(join(project.folder, 'millrace.config.ts'))
    expect(await count()).toBe(0)
  })

  it('is not that of a DATABASE_URL that cannot hold jobs, which is told once', async () => {
    const project = cliProject()
    const env = { DATABASE_URL: 'mysql://root:secret@127.0.0.1/app' }
    const told = /^[^\n]*DATABASE_URL is "mysql:\/\/root:\*{3}@127\.0\.0\.1\/app"[^\n]*\n$/
    const enqueued = await project.run(['enqueue', 'work.echo'], { env })
    expect(enqueued).toMatchObject({ code: 0, stderr: expect.stringMatching(told) })
    rmSync(join(project.folder, 'millrace.config.ts'))
    const { document, stderr } = await project.json(['ls'], { env })
    expect({ jobs: document.jobs.length, stderr }).toEqual({ jobs: 1, stderr: expect.stringMatching(told) })
  })

  it('may be in a schema that --schema names, and only together with a URL', async () => {
    const project = emptyProject()
    const { url } = await postgresDatabase()
    const own = ['--database', url, '--schema', 'own']
    expect((await project.run(['migrate', ...own])).code).toBe(0)
    expect((await project.json(['ls', ...own])).document.jobs).toEqual([])
    expect((await project.json(['ls', '--schema', 'own'], { env: { DATABASE_URL: url } })).code).toBe(0)
    expect(await project.run(['ls', '--database', url])).toMatchObject({ code: 3 })
    project.write(
      'millrace.config.ts',
      `import { createRunner } from 'millrace'; export default createRunner({ jobs: {} })`,
    )
    expect(await project.run(['ls', '--schema', 'own'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--schema'),
    })
    const file = ['ls', '--database', 'sqlite::memory:', '--schema', 'own']
    expect(await project.run(file)).toMatchObject({ code: 2, stderr: expect.stringContaining('schema') })
  })

  it('may be a PostgreSQL database, wherever it is named', async () => {
    const project = cliProject()
    const { url } = await postgresDatabase()
    expect((await project.run(['migrate', '--url', url])).code).toBe(0)
    project.write(
      'server.config.ts',
      `import { createRunner } from 'millrace'
       import * as work from './work.ts'
       export default createRunner({ database: process.env.DATABASE_URL, jobs: { work } })`,
    )
    const env = { DATABASE_URL: url }
    const enqueued = await project.run(['enqueue', 'work.echo', '--config', 'server.config.ts'], { env })
    expect(enqueued).toMatchObject({ code: 0 })
    await project.run(['migrate'])
    const jobs = async (args: string[], variables: Readonly<Record<string, string>> = {}): Promise<number> =>
      (await project.json(['ls', ...args], { env: variables })).document.jobs.length
    expect(await jobs(['--database', url])).toBe(1)
    expect(await jobs(['--config', 'server.config.ts'], env)).toBe(1)
    expect(await jobs([], { MILLRACE_DATABASE: url })).toBe(1)
    // The configuration of the folder names no database.
    expect(await jobs([])).toBe(0)
    expect(await jobs([], env)).toBe(1)
    rmSync(join(project.folder, 'millrace.config.ts'))
    expect(await jobs([], env)).toBe(1)
  })

  it('is ./millrace.db without any word, if it is there', async () => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo'])
    rmSync(join(project.folder, 'millrace.config.ts'))
    expect((await project.json(['ls'])).document.jobs).toHaveLength(1)
  })

  it('is never made by a command that only looks or changes what is there', async () => {
    const project = cliProject()
    const id = '00000000-0000-4000-8000-000000000000'
    const commands = [['ls'], ['show', id], ['retry', id], ['queues'], ['pause', 'email'], ['explain', id], ['dead']]
    for (const args of commands) {
      const { code, stdout, stderr } = await project.run(args)
      expect({ args, code, stdout }).toEqual({ args, code: 3, stdout: '' })
      expect(stderr).toContain('millrace.db')
    }
    const { code, document } = await project.json(['migrate'])
    expect({ code, document }).toMatchObject({ code: 0, document: { version: 1, from: 0, to: SCHEMA_VERSION } })
    expect((await project.run(['ls'])).code).toBe(0)
  })

  it('is not turned into one of ours by looking at a file of somebody else', async () => {
    const project = emptyProject()
    project.write('empty.db', '')
    const { code, stderr } = await project.run(['ls', '--database', 'sqlite:./empty.db'])
    expect({ code, stderr }).toMatchObject({ code: 3, stderr: expect.stringContaining('millrace migrate') })
    project.write('text.db', 'hello, this is no database at all')
    expect((await project.run(['ls', '--database', 'sqlite:./text.db'])).code).toBe(3)
  })
})
