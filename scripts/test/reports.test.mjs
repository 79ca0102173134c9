/** Each reader of a tool's report is fed a failure, and the sum must show it. */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'

import { root } from '../boot/common.mjs'
import { run } from '../boot/run.mjs'
import { readOxfmtOutput } from './format.mjs'
import { readOxlintReport } from './lint.mjs'
import { nodeBin } from './node-bin.mjs'
import { broken, honest } from './result.mjs'
import { runSuites } from './run-suites.mjs'
import { readTscOutput, tscResult } from './types.mjs'
import { readKnipReport } from './unused.mjs'
import { readVitestReport, runVitestSuite } from './vitest.mjs'

const RAN = { code: 0, signal: null, stdout: '', stderr: '', output: '', timedOut: false }
const FINE = { passed: 3, failed: 0, skipped: [], details: [] }

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-reports-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * @param {string} name
 * @param {string} text
 */
function plant(name, text) {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
}

describe('tsc', () => {
  it('counts each error, and each file without one', async () => {
    plant('types/tsconfig.json', '{ "compilerOptions": { "strict": true, "types": [], "skipLibCheck": true } }')
    plant('types/wrong.ts', "export const a: number = 'x'\nexport const b: string = 1\n")
    plant('types/right.ts', 'export const a = 1\n')
    plant('types/stale.test-d.ts', '// @ts-expect-error it compiles, so this line is the error\nexport const a = 1\n')
    const cwd = join(folder, 'types')
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await run(process.execPath, [tsc, '--noEmit', '--listFiles', '--pretty', 'false'], { cwd })
    const { files, errors } = readTscOutput(stdout, cwd)
    expect(tscResult(files, errors, new Set())).toMatchObject({ passed: 1, failed: 3 })
  })

  it('counts an error that has no file', () => {
    const { files, errors } = readTscOutput('error TS18003: No inputs were found\n')
    expect(tscResult(files, errors, new Set())).toMatchObject({ passed: 0, failed: 1 })
  })
})

describe('oxlint', () => {
  it('counts each finding, and each file without one', async () => {
    plant('lint/.oxlintrc.json', '{ "rules": { "no-debugger": "error", "no-var": "warn" } }')
    plant('lint/wrong.ts', 'debugger\nvar a = 1\nexport { a }\n')
    plant('lint/right.ts', 'export const a = 1\n')
    const [command, args] = nodeBin('oxlint', ['--format', 'json'])
    const { stdout } = await run(command, args, { cwd: join(folder, 'lint') })
    expect(readOxlintReport(stdout)).toMatchObject({ passed: 1, failed: 2 })
  })

  it('takes a crash for no report', () => {
    expect(readOxlintReport('thread panicked')).toBeUndefined()
  })
})

describe('oxfmt', () => {
  it('counts each file it would change, and each it would not', async () => {
    plant('format/wrong.ts', 'export   const a = 1\n')
    plant('format/right.ts', 'export const a = 1;\n')
    const [command, args] = nodeBin('oxfmt', ['--check', '.'])
    const { stdout } = await run(command, args, { cwd: join(folder, 'format') })
    expect(readOxfmtOutput(stdout)).toMatchObject({ passed: 1, failed: 1 })
  })

  it('takes a crash for no report', () => {
    expect(readOxfmtOutput('thread panicked')).toBeUndefined()
  })
})

describe('knip', () => {
  it('counts each thing it finds', async () => {
    plant(
      'unused/package.json',
      '{ "name": "unused", "type": "module", "dependencies": { "zod": "1" }, "main": "index.js" }',
    )
    plant('unused/index.js', "import './used.js'\n")
    plant('unused/used.js', 'export const unused = 1\n')
    plant('unused/lonely.js', '')
    const [command, args] = nodeBin('knip', ['--reporter', 'json', '--no-progress'])
    const { stdout } = await run(command, args, { cwd: join(folder, 'unused') })
    expect(readKnipReport(stdout)).toMatchObject({ passed: 0, failed: 3 })
  })

  it('passes when nothing is found, and takes a crash for no report', () => {
    expect(readKnipReport('{"issues":[]}')).toMatchObject({ passed: 1, failed: 0 })
    expect(readKnipReport('Error: boom')).toBeUndefined()
  })
})

describe('vitest', () => {
  const tests = {
    'a.test.mjs':
      "import { expect, it } from 'vitest'\nit('passes', () => {})\nit('fails', () => expect(1).toBe(2))\n" +
      "it('is skipped', (context) => context.skip('no disk'))\nit.todo('is to do')\n",
    'broken-import.test.mjs': "import './missing.mjs'\n",
    'broken-hook.test.mjs':
      "import { beforeAll, it } from 'vitest'\nbeforeAll(() => { throw new Error('boom') })\nit('never runs', () => {})\n",
    'empty.test.mjs': 'export {}\n',
    'killed.test.mjs': "import { it } from 'vitest'\nit('dies', () => process.kill(process.pid, 'SIGKILL'))\n",
  }

  /** @param {Record<string, string>} files */
  async function report(files) {
    const cwd = mkdtempSync(join(folder, 'vitest-'))
    const name = cwd.slice(folder.length + 1)
    for (const [file, text] of Object.entries(files)) plant(`${name}/${file}`, text)
    const args = [
      'run',
      '--root',
      cwd,
      '--reporter=json',
      '--reporter',
      join(root, 'scripts/test/skip-notes-reporter.mjs'),
    ]
    const notes = join(cwd, 'notes.json')
    const [command, all] = nodeBin('vitest', args)
    const env = { ...process.env, MILLRACE_SKIP_NOTES: notes }
    const ran = await run(command, all, { cwd, env })
    return { ran, cwd, text: ran.stdout.slice(ran.stdout.indexOf('{')), notes }
  }

  it('counts failed tests and files that fail outside their tests', async () => {
    const { cwd, text, notes } = await report(tests)
    const result = readVitestReport(
      text.trim(),
      [...Object.keys(tests), 'lost.test.mjs'],
      readFileSync(notes, 'utf8'),
      cwd,
    )
    expect(result?.details.map((detail) => detail.split(':')[0]).sort()).toEqual([
      'a.test.mjs > fails',
      'broken-hook.test.mjs',
      'broken-import.test.mjs',
      'empty.test.mjs',
      'killed.test.mjs > dies',
      'lost.test.mjs was not run',
    ])
    expect(result).toMatchObject({ passed: 1, failed: 6 })
    expect(result?.skipped).toContainEqual({ what: 'a.test.mjs > is skipped', why: 'no disk' })
  })

  it('counts an error outside any test, which the report does not show', async () => {
    const file = "import { it } from 'vitest'\nit('passes', () => { void Promise.reject(new Error('lost')) })\n"
    const { ran, cwd, text } = await report({ 'a.test.mjs': file })
    const result = readVitestReport(text.trim(), ['a.test.mjs'], '[]', cwd)
    expect(result).toMatchObject({ passed: 1, failed: 0 })
    expect(honest(result ?? broken('no report'), ran)).toMatchObject({ passed: 1, failed: 1 })
  })
})

describe('honest', () => {
  it('fails a suite that tested nothing', () => {
    expect(honest({ ...FINE, passed: 0 })).toMatchObject({ passed: 0, failed: 1 })
    expect(honest({ ...FINE, passed: 0 }, RAN)).toMatchObject({ failed: 1 })
  })

  it('fails a suite whose tool crashed or was killed after a clean report', () => {
    expect(honest(FINE, { ...RAN, code: 1 })).toMatchObject({ passed: 3, failed: 1 })
    expect(honest(FINE, { ...RAN, code: null, signal: 'SIGKILL' })).toMatchObject({ failed: 1 })
    expect(honest(FINE, { ...RAN, code: null, signal: 'SIGKILL', timedOut: true })).toMatchObject({ failed: 1 })
  })

  it('leaves a good result alone', () => {
    expect(honest(FINE, RAN)).toEqual(FINE)
  })
})

describe('runSuites', () => {
  /** @type {string[]} */
  let lines = []
  const collect = () => vi.spyOn(console, 'log').mockImplementation((line) => void lines.push(line))
  afterEach(() => {
    lines = []
    vi.restoreAllMocks()
  })

  it('ends with the sum, above it what was skipped, and exits 1', async () => {
    collect()
    const skipped = [{ what: 'the server', why: 'none here' }]
    const suites = [
      { name: 'good', run: () => Promise.resolve({ ...FINE, skipped }) },
      { name: 'bad', run: () => Promise.resolve({ ...FINE, failed: 2, details: ['one', 'two'] }) },
    ]
    expect(await runSuites(suites, [])).toBe(1)
    expect(lines.slice(-4)).toEqual([
      'failed: bad: one',
      'failed: bad: two',
      'skipped: the server (none here)',
      '6 passed, 2 failed',
    ])
  })

  it('counts a suite that throws, one that ran nothing, and test files that no suite runs', async () => {
    collect()
    const suites = [
      { name: 'throws', run: () => Promise.reject(new Error('boom')) },
      { name: 'empty', run: () => Promise.resolve({ ...FINE, passed: 0 }) },
    ]
    expect(await runSuites(suites, ['lost.test.ts'])).toBe(1)
    expect(lines.at(-1)).toBe('0 passed, 3 failed')
  })

  it('skips a suite whose program this machine lacks, and fails it when it was asked for by name', async () => {
    collect()
    const needs = { program: 'no-such-program', install: 'apt-get install it' }
    const suite = { name: 'lacking', in: 'test/lacking', testTimeoutMs: 1, limitMs: 1, workers: 1, needs }
    const good = { name: 'good', run: () => Promise.resolve(FINE) }
    expect(await runSuites([good, { name: 'lacking', run: () => runVitestSuite(suite) }], [])).toBe(0)
    const why = 'no-such-program is not installed; install it with: apt-get install it'
    expect(lines.slice(-2)).toEqual([`skipped: test/lacking (${why})`, '3 passed, 0 failed'])
    expect(await runSuites([{ name: 'lacking', run: () => runVitestSuite(suite, { isNamed: true }) }], [])).toBe(1)
    expect(lines.slice(-2)).toEqual([`failed: lacking: the suite lacking cannot run: ${why}`, '0 passed, 1 failed'])
  })

  it('does not run what needs a build after the build failed', async () => {
    collect()
    const run = vi.fn(() => Promise.resolve(FINE))
    const suites = [
      { name: 'build', run: () => Promise.resolve(broken('no')) },
      { name: 'package', needsBuild: true, run },
    ]
    expect(await runSuites(suites, [])).toBe(1)
    expect(run).not.toHaveBeenCalled()
    expect(lines.at(-1)).toBe('0 passed, 2 failed')
  })

  it('exits 0 when all passed', async () => {
    collect()
    expect(await runSuites([{ name: 'good', run: () => Promise.resolve(FINE) }], [])).toBe(0)
    expect(lines.at(-1)).toBe('3 passed, 0 failed')
  })
})
