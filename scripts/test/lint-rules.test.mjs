/** Plants one violation per rule in a scratch folder that uses our own lint configuration, and looks whether it is found. */

import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { root } from '../boot/common.mjs'
import { run } from '../boot/run.mjs'
import { readOxlintReport } from './lint.mjs'
import { nodeBin } from './node-bin.mjs'

const BANNED = {
  'set-timeout.ts': ['setTimeout(() => {}, 1)', 'no-restricted-globals'],
  'set-interval.ts': ['setInterval(() => {}, 1)', 'no-restricted-globals'],
  'set-immediate.ts': ['setImmediate(() => {})', 'no-restricted-globals'],
  'queue-microtask.ts': ['queueMicrotask(() => {})', 'no-restricted-globals'],
  'date-now.ts': ['export const a = Date.now()', 'no-restricted-globals'],
  'new-date.ts': ['export const a = new Date()', 'no-restricted-globals'],
  'performance.ts': ['export const a = performance.now()', 'no-restricted-globals'],
  'crypto.ts': ['export const a = crypto.randomUUID()', 'no-restricted-globals'],
  'console.ts': ["console.log('x')", 'no-console'],
  'math-random.ts': ['export const a = Math.random()', 'no-restricted-properties'],
  'process-env.ts': ['export const a = process.env.HOME', 'no-restricted-properties'],
  'abort-timeout.ts': ['export const a = AbortSignal.timeout(5)', 'no-restricted-properties'],
  'import-timers.ts': ["import { setTimeout as a } from 'node:timers'\nexport const b = a", 'no-restricted-imports'],
  'import-wait.ts': [
    "import { setTimeout as a } from 'node:timers/promises'\nexport const b = a",
    'no-restricted-imports',
  ],
  'import-crypto.ts': ["import { randomBytes as a } from 'node:crypto'\nexport const b = a", 'no-restricted-imports'],
  'import-bare.ts': ["import { randomBytes as a } from 'crypto'\nexport const b = a", 'no-restricted-imports'],
  'import-hooks.ts': [
    "import { performance as a } from 'node:perf_hooks'\nexport const b = a",
    'no-restricted-imports',
  ],
}

const EVERYWHERE = {
  'floating.ts': ['const work = async () => 1\nwork()', 'no-floating-promises'],
  'misused.ts': ['const work = async () => true\nif (work()) process.exit()', 'no-misused-promises'],
  'switch.ts': [
    "declare const a: 'x' | 'y'\nexport let b = 0\nswitch (a) {\n  case 'x':\n    b = 1\n}",
    'switch-exhaustiveness-check',
  ],
  'throws.ts': ["throw 'text'", 'only-throw-error'],
  'any.ts': ['export const a = (b: any) => String(b)', 'no-explicit-any'],
  'bang.ts': ['export const a = (b: string | undefined) => b!', 'no-non-null-assertion'],
  'CamelCase.ts': ['export const a = 1', 'filename-case'],
  'cycle-a.ts': ["import { b } from './cycle-b.ts'\nexport const a = (): number => b()", 'no-cycle'],
  'cycle-b.ts': ["import { a } from './cycle-a.ts'\nexport const b = (): number => a()", 'no-cycle'],
}

const bannedIn = (/** @type {string} */ folder) => Object.keys(BANNED).map((name) => join(folder, name))

let folder = ''
/** @type {readonly string[]} */
let findings = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lint-'))
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'tsconfig.test.json', 'package.json']) {
    cpSync(join(root, name), join(folder, name))
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction')
  plant('src/queue', BANNED)
  plant('src/host', BANNED)
  plant('src/cli', BANNED)
  plant('test/integration', BANNED)
  plant('scripts', BANNED)
  plant('src/queue', EVERYWHERE)
  plant('test/integration', EVERYWHERE)
  plant('src/store/sqlite', { 'beat-thread.ts': ['setInterval(() => {}, 1)', ''] })
  plant('src/queue', { 'date-type.ts': ['export type At = { readonly at: Date }', ''] })
  plant('src/queue', { 'floating.test.ts': EVERYWHERE['floating.ts'] })
  const [command, args] = nodeBin('oxlint', [
    '--type-aware',
    '--deny-warnings',
    '--format',
    'json',
    'src',
    'test',
    'scripts',
  ])
  const { stdout } = await run(command, args, { cwd: folder })
  findings = readOxlintReport(stdout)?.details ?? []
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/**
 * @param {string} where
 * @param {Record<string, readonly string[]>} files
 */
function plant(where, files) {
  for (const [name, [text]] of Object.entries(files)) {
    const path = join(folder, where, name)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, /^(import|export)/m.test(text) ? `${text}\n` : `${text}\nexport {}\n`)
  }
}

/** @param {string} path */
const findingsIn = (path) =>
  findings.filter((finding) => finding.startsWith(`${path}:`) || finding.startsWith(`${path} `))

describe('rules that hold everywhere', () => {
  for (const where of ['src/queue', 'test/integration']) {
    it.each(Object.entries(EVERYWHERE))(`finds ${where}/%s`, (name, [, rule]) => {
      expect(findingsIn(`${where}/${name}`).join('\n')).toContain(rule)
    })
  }

  it('finds a floating promise in a unit test', () => {
    expect(findingsIn('src/queue/floating.test.ts').join('\n')).toContain('no-floating-promises')
  })
})

describe('bans', () => {
  it.each(Object.entries(BANNED))('finds src/queue/%s', (name, [, rule]) => {
    expect(findingsIn(`src/queue/${name}`).join('\n')).toContain(rule)
  })

  it.each(['src/host', 'test/integration', 'scripts'])('lets %s use the platform', (where) => {
    expect(
      bannedIn(where)
        .flatMap(findingsIn)
        .filter((finding) => /no-(restricted|console)/.test(finding)),
    ).toEqual([])
  })

  it('lets the threads of the SQLite store use timers', () => {
    expect(findingsIn('src/store/sqlite/beat-thread.ts')).toEqual([])
  })

  it('lets the command line print and read the environment, and nothing else', () => {
    const allowed = ['console.ts', 'process-env.ts']
    for (const [name, [, rule]] of Object.entries(BANNED)) {
      const found = findingsIn(`src/cli/${name}`).join('\n')
      if (allowed.includes(name)) expect(found).toBe('')
      else expect(found).toContain(rule)
    }
  })

  it('lets Date be a type', () => {
    expect(findingsIn('src/queue/date-type.ts')).toEqual([])
  })
})
