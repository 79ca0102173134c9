/** Who may import whom. Type-only imports count; unit tests beside the code do not. */

import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

import { describe, expect, it } from 'vitest'

import { importsOf } from './imports-of.ts'
import { filesIn, manifest, root } from './package-files.ts'

/** What a folder of src/ may import besides itself: folders, or single files. A folder that is not here is a failure. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  host: [],
  process: ['host'],
  telemetry: ['host'],
  job: ['host'],
  stage: ['host', 'process'],
  store: ['host', 'telemetry', 'job'],
  queue: ['host', 'process', 'stage', 'telemetry', 'job', 'store/store.ts', 'store/errors.ts'],
  maintenance: ['host', 'process', 'stage', 'telemetry', 'job', 'store/store.ts', 'store/errors.ts'],
  metrics: ['host', 'telemetry', 'job', 'store/store.ts'],
  runner: ['host', 'process', 'telemetry', 'job', 'stage', 'store', 'queue', 'maintenance', 'metrics'],
  exporters: ['host', 'metrics', 'telemetry', 'runner', 'store/store.ts'],
  dashboard: ['runner', 'metrics', 'job', 'host', 'store/store.ts', 'store/errors.ts'],
  testing: ['runner', 'metrics', 'job', 'host', 'store/store.ts', 'store/errors.ts', 'process', 'stage'],
  demo: ['index.ts', 'host'],
  cli: [
    'index.ts',
    'runner',
    'metrics',
    'job',
    'host',
    'store/store.ts',
    'store/errors.ts',
    'process',
    'stage',
    'exporters',
    'dashboard',
    'demo',
  ],
  'index.ts': [
    'host',
    'process',
    'telemetry',
    'job',
    'stage',
    'store',
    'queue',
    'maintenance',
    'metrics',
    'runner',
    'dashboard',
    'testing',
  ],
}

/** `from` and `to` are paths in src/; answers why the import is not allowed, or undefined. */
function objection(from: string, to: string): string | undefined {
  if (to.startsWith('..')) return `${from} imports ${to}, which is outside src/`
  const folder = folderOf(from)
  const allowed = MAY_IMPORT[folder]
  if (allowed === undefined) return `${from} is in ${folder}, which has no place in the table`
  if (folderOf(to) === folder || allowed.includes(folderOf(to)) || allowed.includes(to)) return undefined
  return `${from} imports ${to}, but ${folder} may import only ${allowed.join(', ') || 'nothing'}`
}

/** The first part of a path in src/: a folder, or a file that lies in src/ itself. */
function folderOf(path: string): string {
  return path.split('/', 1)[0] ?? path
}

const sources = filesIn('src').filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
const imports = sources.map((path) => ({
  file: path.slice('src/'.length),
  specifiers: importsOf(path, readFileSync(join(root, path), 'utf8')),
}))

describe('layers', () => {
  it('finds the sources and their imports', () => {
    expect(sources.length).toBeGreaterThan(0)
    expect(imports.flatMap(({ specifiers }) => specifiers).length).toBeGreaterThan(0)
  })

  it('knows every folder of src', () => {
    const unknown = new Set(imports.map(({ file }) => folderOf(file)).filter((folder) => !(folder in MAY_IMPORT)))
    expect([...unknown]).toEqual([])
  })

  it.each(Object.keys(MAY_IMPORT))('%s imports only what it may', (folder) => {
    const objections = imports
      .filter(({ file }) => folderOf(file) === folder)
      .flatMap(({ file, specifiers }) =>
        specifiers
          .filter((specifier) => specifier.startsWith('.'))
          .map((specifier) => objection(file, normalize(join(dirname(file), specifier)).replaceAll('\\', '/'))),
      )
    expect(objections.filter((text) => text !== undefined)).toEqual([])
  })

  it('imports only packages that users get, and no test library', () => {
    const known = { ...manifest.dependencies, ...manifest.peerDependencies }
    const wrong = imports.flatMap(({ file, specifiers }) =>
      specifiers
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .filter((specifier) => !(packageOf(specifier) in known))
        .map((specifier) => `${file} imports ${specifier}`),
    )
    expect(wrong).toEqual([])
  })
})

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
}

describe('the table itself', () => {
  it.each([
    ['host/clock.ts', 'process/process.ts'],
    ['process/process.ts', 'job/job.ts'],
    ['stage/stage.ts', 'job/job.ts'],
    ['queue/claimer.ts', 'store/sqlite/sqlite-store.ts'],
    ['queue/claimer.ts', 'maintenance/pruner.ts'],
    ['runner/runner.ts', 'cli/main.ts'],
    ['demo/demo.ts', 'runner/runner.ts'],
    ['dashboard/server.ts', 'testing/drain.ts'],
    ['index.ts', 'cli/main.ts'],
    ['job/job.ts', 'index.ts'],
    ['job/job.ts', '../test/support/job.ts'],
    ['utils/things.ts', 'host/clock.ts'],
  ])('refuses that %s imports %s', (from, to) => {
    expect(objection(from, to)).toBeDefined()
  })

  it.each([
    ['queue/claimer.ts', 'store/store.ts'],
    ['runner/runner.ts', 'store/sqlite/sqlite-store.ts'],
    ['cli/main.ts', 'demo/demo.ts'],
    ['demo/demo.ts', 'index.ts'],
    ['stage/index.ts', 'stage/stage.ts'],
  ])('allows that %s imports %s', (from, to) => {
    expect(objection(from, to)).toBeUndefined()
  })

  it('sees every form of import', () => {
    const text = `
      import './a.ts'
      import type { B } from './b.ts'
      export { c } from './c.ts'
      export type * from './d.ts'
      export type E = import('./e.ts').E
      export const f = () => import('./f.ts')
      export const g = new URL('./g.js', import.meta.url)
      export const h = require('./h.ts')
      // import './not-this.ts'
    `
    const letters = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']
    expect(importsOf('x.ts', text)).toEqual(letters.map((letter) => `./${letter}.ts`))
  })
})
