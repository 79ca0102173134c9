/** What publint and attw say about the tarball. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { expect, inject, it } from 'vitest'

import { root } from './package-files.ts'
import { runProgram } from './run-program.ts'

it('has nothing that publint objects to', async () => {
  const tarball = new Uint8Array(readFileSync(inject('tarball'))).buffer
  const { messages, pkg } = await publint({ strict: true, pack: { tarball } })
  expect(messages.map((message) => formatMessage(message, pkg, { color: false }))).toEqual([])
})

it('has types that resolve for ES modules and for CommonJS that requires them', async () => {
  const attw = join(root, 'node_modules/@arethetypeswrong/cli/dist/index.js')
  const args = [attw, inject('tarball'), '--profile', 'esm-only', '--format', 'json']
  const { code, stdout, stderr } = await runProgram(process.execPath, args, { cwd: root })
  expect(stdout, stderr).not.toBe('')
  // attw's own report.
  const { analysis } = JSON.parse(stdout) as { analysis: { entrypoints: object; problems: readonly object[] } }
  expect(Object.keys(analysis.entrypoints)).toContain('.')
  expect({ code, problems: problemsOf(analysis.problems) }).toEqual({ code: 0, problems: [] })
})

/** The profile leaves out node10 and CommonJS, but attw reports their problems all the same. */
function problemsOf(problems: readonly object[]): readonly object[] {
  return problems.filter((problem) => {
    const kind = 'resolutionKind' in problem ? problem.resolutionKind : undefined
    return kind !== 'node10' && kind !== 'node16-cjs'
  })
}
