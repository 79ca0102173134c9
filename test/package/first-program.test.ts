/** The program of the README from the tarball, in every way of running it, on SQLite and on PostgreSQL. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest'

import { postgresDatabase } from '../support/postgres-database.ts'
import { administer } from '../support/postgres-server.ts'
import type { RunningProgram } from '../support/running-program.ts'
import { installedPackage, type UserFolder } from './installed-package.ts'
import { root } from './package-files.ts'

/** The program, with and without annotations. */
const IMAGES_TS = 'export async function resize(path: string, width: number) { return `${path}@${width}` }\n'
const IMAGES_MJS = 'export async function resize(path, width) { return `${path}@${width}` }\n'
const app = (images: string): string => `
import { createRunner } from 'millrace'
import * as images from '${images}'
const runner = createRunner({ jobs: { images } })
await runner.start()
const job = await runner.enqueue(images.resize, ['photo.jpg', 300])
console.log(await job.result())          // 'photo.jpg@300'
await runner.stop()
`
const APP_CJS = `
const { createRunner } = require('millrace')
const images = { resize: async (path, width) => path + '@' + width }
async function main() {
  const runner = createRunner({ jobs: { images } })
  await runner.start()
  const job = await runner.enqueue(images.resize, ['photo.jpg', 300])
  console.log(await job.result())
  await runner.stop()
}
void main()
`
const RIGHT = { code: 0, stdout: 'photo.jpg@300\n', stderr: '' }

/** A Node that strips types: this one, or the one that the tests bring. */
const NODE_24 = join(root, `test/node-24/node_modules/node-${process.platform}-${process.arch}/bin/node`)
const strips = Reflect.get(process.features, 'typescript') ? process.execPath : NODE_24

/** How the program is run; the last is for those who cannot import. */
const WAYS = [
  // The first releases that strip types say that this is an experiment.
  ['node app.ts', strips, ['--disable-warning=ExperimentalWarning', 'app.ts']],
  ['npx tsx app.ts', join(root, 'node_modules/.bin/tsx'), ['app.ts']],
  ['node app.mjs', process.execPath, ['app.mjs']],
  ['node app.cjs', process.execPath, ['app.cjs']],
] as const

let user: UserFolder
beforeAll(async () => {
  user = await installedPackage(inject('tarball'), 'pg')
  user.write({ 'images.ts': IMAGES_TS, 'app.ts': app('./images.ts') })
  user.write({ 'images.mjs': IMAGES_MJS, 'app.mjs': app('./images.mjs'), 'app.cjs': APP_CJS })
}, 120_000)
afterAll(() => user.remove())

describe('the first program', () => {
  it.for(WAYS)('runs as %s on SQLite', async ([, command, args], context) => {
    if (!existsSync(command)) context.skip(`${command} is missing; npm ci in test/node-24 brings it`)
    expect(await user.run(command, args)).toEqual(RIGHT)
    expect(existsSync(join(user.path, 'millrace.db'))).toBe(true)
  })

  it.for(WAYS)('runs as %s on PostgreSQL, with only DATABASE_URL set', async ([, command, args], context) => {
    if (!existsSync(command)) context.skip(`${command} is missing; npm ci in test/node-24 brings it`)
    const { url } = await postgresDatabase()
    expect(await user.run(command, args, { DATABASE_URL: url })).toEqual(RIGHT)
    const ended = await administer(url, 'select name, result from millrace.history')
    expect(ended).toEqual([{ name: 'images.resize', result: '"photo.jpg@300"' }])
  })

  it('compiles, with the type of the result', async () => {
    const typed =
      'const text: string = await job.result()\n// @ts-expect-error the width is a number\nawait runner.enqueue(images.resize, ["photo.jpg", "300"])\nconsole.log(text)\n'
    user.write({ 'typed.ts': `${app('./images.ts')}${typed}` })
    const flags = ['--noEmit', '--strict', '--target', 'es2022', '--module', 'nodenext', '--allowImportingTsExtensions']
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const all = [tsc, ...flags, '--skipLibCheck', '--types', '', '--lib', 'es2023,dom,esnext.disposable', 'typed.ts']
    expect(await user.run(process.execPath, all)).toEqual({ code: 0, stdout: '', stderr: '' })
  })
})

/** The program with so many jobs that two processes have to do. The first enqueues them. */
const JOBS = 300
/** Longer than it takes on a busy machine. */
const WITHIN_MS = 60_000
const SHARED = `
import { createRunner } from 'millrace'
import * as images from './images.mjs'
const runner = createRunner({ jobs: { images } })
await runner.start()
console.log('started')
await new Promise((resolve) => process.stdin.once('data', resolve))
if (process.argv[2] === 'first') {
  const entries = Array.from({ length: ${JOBS} }, (_, index) => [images.resizeSlowly, ['photo.jpg', index]])
  const handles = await runner.enqueueAll(entries)
  const results = await Promise.all(handles.map((handle) => handle.result({ timeout: '2m' })))
  console.log('results', JSON.stringify(results))
} else {
  await new Promise((resolve) => process.stdin.once('data', resolve))
}
await runner.stop()
process.stdin.destroy()
`

describe('two processes with the first program', () => {
  it('share the work on PostgreSQL, each job once', { timeout: 180_000 }, async () => {
    const { url } = await postgresDatabase()
    const slowly = `export async function resizeSlowly(path, width) {
      await new Promise((resolve) => setTimeout(resolve, 10))
      return [await resize(path, width), process.pid]
    }\n`
    user.write({ 'images.mjs': `${IMAGES_MJS}${slowly}`, 'shared.mjs': SHARED })
    const start = (name: string): RunningProgram => {
      const program = user.start(process.execPath, ['shared.mjs', name], { DATABASE_URL: url })
      onTestFinished(() => void program.child.kill('SIGKILL'))
      return program
    }
    const [first, second] = [start('first'), start('second')]
    for (const { saw } of [first, second]) await saw('started', WITHIN_MS)
    for (const { child } of [first, second]) child.stdin.write('go\n')
    await first.saw('results', WITHIN_MS)
    second.child.stdin.write('stop\n')
    for (const { ended } of [first, second]) expect(await ended).toMatchObject({ code: 0, stderr: '' })

    const { stdout } = await first.ended
    const results = JSON.parse(/^results (.*)$/m.exec(stdout)?.[1] ?? '') as [string, number][]
    expect(results.map(([text]) => text)).toEqual(Array.from({ length: JOBS }, (_, index) => `photo.jpg@${index}`))
    const pids = new Set(results.map(([, pid]) => pid))
    expect(pids).toEqual(new Set([first.child.pid, second.child.pid]))
    const [attempts] = await administer(url, 'select count(*)::int as jobs, max(attempt) as most from millrace.history')
    expect(attempts).toEqual({ jobs: JOBS, most: 1 })
  })
})
