/** The examples run and print what they should. */

import { cpSync, existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { root } from '../../package/package-files.ts'
import { filesIn, matches, readDocument, withOwnEngine } from './documents.ts'
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

describe('examples/stages', () => {
  let project: UserProject
  beforeAll(() => {
    project = userProject()
    cpSync(join(root, 'examples/stages'), project.path, { recursive: true })
  })
  afterAll(() => project.remove())

  const programs = readdirSync(join(root, 'examples/stages')).filter((name) => name.endsWith('.ts'))

  it('are all in their list', () => {
    const page = readDocument('examples/stages/README.md')
    expect(programs.filter((name) => !page.includes(`](${name})`))).toEqual([])
  })

  it('compile', { timeout: 60_000 }, async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const ended = await project.run(process.execPath, [tsc, '-p', '.'], 60_000)
    expect(ended).toMatchObject({ code: 0, stdout: '' })
  })

  it.each(programs)('%s prints what it says', async (name) => {
    const text = withOwnEngine(readDocument(`examples/stages/${name}`))
    project.write(name, text)
    const said = filesIn({ language: 'ts', line: 1, text: `// ${name}\n${text}` })[0]?.prints ?? []
    const ended = await project.tsx(name, [join(root, 'node_modules')])
    const lines = linesOf(ended.stdout)
    // How often there is something to tell depends on the machine.
    const reports = lines.filter((line) => line.startsWith('back-pressure: '))
    const others = lines.filter((line) => !line.startsWith('back-pressure: '))
    if (!matches(others, said)) expect({ lines: others, stderr: ended.stderr }).toEqual({ lines: said, stderr: '' })
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' })
    expect(said.length).toBeGreaterThan(0)
    if (name === 'social-media.ts') expect(reports.length).toBeGreaterThan(1)
  })
})
