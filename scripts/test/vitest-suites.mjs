/** The suites that vitest runs, as data: for the orchestrator and for vitest.config.mjs, where each is a project. */

import { existsSync, readdirSync } from 'node:fs'
import { join, relative, sep } from 'node:path'

import { root } from '../boot/common.mjs'

/**
 * @typedef {object} VitestSuite
 * @property {string} name
 * @property {string} in the folder (or the one file) its tests are in
 * @property {string} [but] a file in the folder that another suite runs
 * @property {number} testTimeoutMs for one test or hook, where it does not set its own
 * @property {number} limitMs for the whole suite, which is killed then
 * @property {number} workers how many files run at a time
 * @property {boolean} [quick]
 * @property {boolean} [needsBuild]
 * @property {string[]} [globalSetup]
 * @property {{ program: string, install: string }} [needs] a program of the machine, and how to install it: without it the
 *   suite is skipped, unless it was asked for by name
 */

const layersTest = 'test/package/layers.test.ts'

/** Each starts a PostgreSQL server for the tests of a suite, which take databases of it by test/support/postgres-database.ts. */
const postgres15 = 'test/support/postgres-15.setup.ts'
const postgres18 = 'test/support/postgres-18.setup.ts'

/** @type {readonly VitestSuite[]} */
export const vitestSuites = [
  { name: 'layers', in: layersTest, testTimeoutMs: 10_000, limitMs: 60_000, workers: 1, quick: true },
  { name: 'unit', in: 'src', testTimeoutMs: 20_000, limitMs: 240_000, workers: 2, quick: true },
  { name: 'scripts', in: 'scripts', testTimeoutMs: 30_000, limitMs: 120_000, workers: 2 },
  { name: 'bench', in: 'bench', testTimeoutMs: 20_000, limitMs: 60_000, workers: 1 },
  { name: 'harness', in: 'chaos', testTimeoutMs: 20_000, limitMs: 60_000, workers: 1 },
  { name: 'golden', in: 'test/golden', testTimeoutMs: 10_000, limitMs: 120_000, workers: 2 },
  { name: 'property', in: 'test/property', testTimeoutMs: 60_000, limitMs: 240_000, workers: 2 },
  { name: 'simulation', in: 'test/simulation', testTimeoutMs: 60_000, limitMs: 240_000, workers: 2 },
  {
    name: 'model',
    in: 'test/model',
    testTimeoutMs: 60_000,
    limitMs: 240_000,
    workers: 2,
    needsBuild: true,
    globalSetup: [postgres15, postgres18],
  },
  {
    name: 'conformance',
    in: 'test/conformance',
    testTimeoutMs: 20_000,
    limitMs: 480_000,
    workers: 2,
    globalSetup: [postgres15, postgres18],
  },
  {
    name: 'integration',
    in: 'test/integration',
    testTimeoutMs: 60_000,
    limitMs: 900_000,
    workers: 3,
    globalSetup: [postgres18],
  },
  {
    name: 'postgres',
    in: 'test/postgres',
    testTimeoutMs: 60_000,
    limitMs: 240_000,
    workers: 2,
    needsBuild: true,
    globalSetup: [postgres15, postgres18],
  },
  {
    name: 'outages',
    in: 'test/outages',
    testTimeoutMs: 60_000,
    limitMs: 240_000,
    workers: 3,
    needsBuild: true,
    globalSetup: [postgres18],
  },
  {
    name: 'pgbouncer',
    in: 'test/pgbouncer',
    testTimeoutMs: 30_000,
    limitMs: 240_000,
    workers: 2,
    needsBuild: true,
    globalSetup: [postgres18],
    needs: { program: 'pgbouncer', install: 'apt-get install pgbouncer' },
  },
  {
    name: 'processes',
    in: 'test/processes',
    testTimeoutMs: 60_000,
    limitMs: 480_000,
    workers: 1,
    needsBuild: true,
    globalSetup: [postgres18],
  },
  // Alone, one run after the other: each has a dozen processes.
  { name: 'chaos', in: 'test/chaos', testTimeoutMs: 150_000, limitMs: 400_000, workers: 1, needsBuild: true },
  {
    name: 'package',
    in: 'test/package',
    but: layersTest,
    testTimeoutMs: 60_000,
    limitMs: 240_000,
    workers: 2,
    needsBuild: true,
    globalSetup: ['test/package/packed.setup.ts', postgres18],
  },
]

/** Folders of test/ that have tests but are not listed above: they run too, with middling settings. */
export function foundSuites() {
  const listed = new Set(vitestSuites.map((suite) => suite.in))
  return foldersOf('test')
    .filter((folder) => !listed.has(folder) && testFilesIn(folder).length > 0)
    .map((folder) => ({
      name: folder.slice('test/'.length),
      in: folder,
      testTimeoutMs: 30_000,
      limitMs: 180_000,
      workers: 2,
      needsBuild: true,
    }))
}

/**
 * @param {Pick<VitestSuite, 'in' | 'but'>} suite
 * @returns {string[]} its test files, relative to the root
 */
export function filesOf(suite) {
  if (isTestFile(suite.in)) return existsSync(join(root, suite.in)) ? [suite.in] : []
  return testFilesIn(suite.in).filter((file) => file !== suite.but)
}

/** @returns {string[]} the test files that no suite runs */
export function strayTestFiles() {
  const run = new Set([...vitestSuites, ...foundSuites()].flatMap(filesOf))
  const folders = foldersOf('.').filter((folder) => folder !== 'dist')
  return [...readdirSync(root).filter(isTestFile), ...folders.flatMap(testFilesIn)].filter((file) => !run.has(file))
}

/** @param {string} folder */
function testFilesIn(folder) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
  return names
    .filter((name) => isTestFile(name) && !name.split(sep).includes('node_modules'))
    .map((name) => relative(root, join(path, name)).split(sep).join('/'))
    .sort()
}

/** @param {string} folder */
function foldersOf(folder) {
  const path = join(root, folder)
  if (!existsSync(path)) return []
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
    .map((entry) => join(folder, entry.name).split(sep).join('/'))
    .sort()
}

/** @param {string} name */
function isTestFile(name) {
  return /\.(test|spec)\.[cm]?[jt]sx?$/.test(name)
}
