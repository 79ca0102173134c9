/** The examples run and print what they should. */

import { cpSync, existsSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { root } from '../../package/package-files.ts'
import { linesOf, userProject, type UserProject } from './user-project.ts'

describe('examples/hello', () => {
  let project: UserProject
  beforeAll(() => {
    project = userProject()
    cpSync(join(root, 'examples/hello'), project.path, { recursive: true })
  })
  afterAll(() => project.remove())

  it('runs all three jobs, the failing one into the dead letters', async () => {
    const ended = await project.tsx('main.ts')
    expect({ code: ended.code, lines: linesOf(ended.stdout), stderr: ended.stderr }).toEqual({
      code: 0,
      lines: [
        'hello, world',
        'fibonacci(27) is 196418',
        'attempt 1: the bank does not answer (retry)',
        'attempt 2: the bank does not answer (retry)',
        'attempt 3: the bank does not answer (failed)',
        'the failing job is failed',
      ],
      stderr: '',
    })
  })

  it('has its dead letter in the command line', async (context) => {
    if (!existsSync(join(root, 'dist/cli/main.js'))) context.skip('the command is not built')
    const { code, stdout } = await project.sh('npx millrace dead --json')
    expect(code).toBe(0)
    expect(stdout).toContain('the bank does not answer')
  })

  it('takes a job from the command line', async (context) => {
    if (!existsSync(join(root, 'dist/cli/main.js'))) context.skip('the command is not built')
    const line = `npx millrace enqueue jobs.hello --args '["again"]' --json`
    const { code, stdout, stderr } = await project.sh(line)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-7/)
  })
})
