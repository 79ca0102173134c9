/** Runs one vitest project and reads its JSON report. Vitest's own output is passed on while it comes. */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'

import { root } from '../boot/common.mjs'
import { run } from '../boot/run.mjs'
import { findProgram } from './find-program.mjs'
import { nodeBin } from './node-bin.mjs'
import { absent, broken, honest } from './result.mjs'
import { filesOf } from './vitest-suites.mjs'

/**
 * @typedef {import('./result.mjs').Result} Result
 * @typedef {{ file: string, name: string, note: string }} SkipNote
 */

/**
 * @param {import('./vitest-suites.mjs').VitestSuite} suite
 * @param {{ isNamed?: boolean }} [how] whether somebody asked for just this suite: then what it needs must be there
 * @returns {Promise<Result>}
 */
export async function runVitestSuite(suite, { isNamed = false } = {}) {
  if (suite.needs !== undefined && findProgram(suite.needs.program) === undefined) {
    const why = `${suite.needs.program} is not installed; install it with: ${suite.needs.install}`
    return isNamed ? broken(`the suite ${suite.name} cannot run: ${why}`) : absent(suite.in, why)
  }
  const files = filesOf(suite)
  if (files.length === 0) return broken(`there is no test in ${suite.in}`)
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'))
  try {
    return await runProject(suite, files, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {import('./vitest-suites.mjs').VitestSuite} suite
 * @param {readonly string[]} files
 * @param {string} folder for the reports
 */
async function runProject(suite, files, folder) {
  const report = join(folder, 'report.json')
  const notes = join(folder, 'notes.json')
  const args = ['run', '--root', root, '--project', suite.name, '--maxWorkers', String(suite.workers)]
  args.push('--reporter=default', '--reporter=json', `--outputFile.json=${report}`)
  args.push(`--reporter=${join(root, 'scripts/test/skip-notes-reporter.mjs')}`)
  const color = process.stdout.isTTY ? { FORCE_COLOR: '1' } : { NO_COLOR: '1', FORCE_COLOR: undefined }
  const env = { ...process.env, ...color, MILLRACE_SKIP_NOTES: notes }
  const ran = await run(...nodeBin('vitest', args), { env, timeoutMs: suite.limitMs, show: true })
  if (!existsSync(report)) return broken(ran.timedOut ? `killed after ${suite.limitMs} ms` : 'vitest gave no report')
  const result = readVitestReport(
    readFileSync(report, 'utf8'),
    files,
    existsSync(notes) ? readFileSync(notes, 'utf8') : '[]',
  )
  return result === undefined ? broken('vitest gave a report that cannot be read') : honest(result, ran)
}

/**
 * @param {string} text of the JSON reporter
 * @param {readonly string[]} expected the test files that must be in it, relative to `folder`
 * @param {string} [notesText] of skip-notes-reporter.mjs
 * @param {string} [folder]
 * @returns {Result | undefined} undefined when it is no report
 */
export function readVitestReport(text, expected, notesText = '[]', folder = root) {
  try {
    /** @type {{ testResults: FileReport[] }} */
    const { testResults } = JSON.parse(text)
    /** @type {SkipNote[]} */
    const notes = JSON.parse(notesText)
    const seen = new Set(testResults.map(({ name }) => name))
    const missing = expected.filter((file) => !seen.has(join(folder, file))).map((file) => `${file} was not run`)
    const read = testResults.map((file) => readFile(file, file.name.slice(folder.length + 1), notes))
    return {
      passed: read.reduce((total, { passed }) => total + passed, 0),
      failed: read.reduce((total, { details }) => total + details.length, missing.length),
      skipped: read.flatMap(({ skipped }) => skipped),
      details: [...read.flatMap(({ details }) => details), ...missing],
    }
  } catch {
    return undefined
  }
}

/**
 * @typedef {{ ancestorTitles: string[], title: string, status: string, failureMessages: string[] }} TestReport
 * @typedef {{ name: string, status: string, message: string, assertionResults: TestReport[] }} FileReport
 * @param {FileReport} report
 * @param {string} file
 * @param {readonly SkipNote[]} notes
 */
function readFile(report, file, notes) {
  let passed = 0
  /** @type {string[]} */
  const details = []
  /** @type {import('./result.mjs').Skipped[]} */
  const skipped = []
  for (const test of report.assertionResults) {
    const name = [...test.ancestorTitles, test.title].join(' > ')
    if (test.status === 'passed') passed++
    else if (test.status === 'skipped' || test.status === 'todo' || test.status === 'disabled') {
      const note = notes.find((each) => each.file === report.name && each.name === name)?.note
      skipped.push({ what: `${file} > ${name}`, why: note ?? `marked ${test.status} in the file` })
    } else if (test.status === 'failed') details.push(`${file} > ${name}: ${firstLine(test.failureMessages[0])}`)
    else details.push(`${file} > ${name}: did not end`)
  }
  // The file failed outside its tests: it could not be loaded, or a hook threw.
  if (report.status !== 'passed' && details.length === 0)
    details.push(`${file}: ${firstLine(report.message) || 'a hook failed'}`)
  if (report.assertionResults.length === 0 && details.length === 0) details.push(`${file}: has no test`)
  return { passed, details, skipped }
}

/** @param {string | undefined} text */
function firstLine(text) {
  return (text ?? '').split('\n', 1)[0] ?? ''
}
