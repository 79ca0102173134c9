/** Every program and command of the README and the guides runs, prints what the document says, and compiles. */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { root } from '../../package/package-files.ts'
import { blocksOf, commandsIn, filesIn, matches, readDocument, withOwnEngine } from './documents.ts'
import { linesOf, userProject, type Ended, type UserProject } from './user-project.ts'

const guides = readdirSync(join(root, 'docs/guides')).map((name) => `docs/guides/${name}`)
const documents = ['README.md', 'docs/telemetry.md', ...guides]

/** Commands that a reader types and no test does: they install something, or run until somebody ends them. */
const NOT_RUN =
  /^(DATABASE_URL=|([A-Z_]+=\S+ )*(npm |git |cd |node |psql |npx (tsx|next) |npx millrace (start|demo)\b))/

describe.each(documents)('%s', (path) => {
  const blocks = blocksOf(readDocument(path))
  const typescript = blocks.filter(({ language }) => language === 'ts')
  const files = typescript.flatMap(filesIn)
  let project: UserProject
  beforeAll(() => {
    project = userProject()
    for (const { name, text } of files) project.write(name, text)
  })
  afterAll(() => project.remove())

  it('names each file once', () => {
    const names = files.map(({ name }) => name)
    expect(names).toEqual([...new Set(names)])
  })

  it('has TypeScript that compiles', { timeout: 60_000 }, async () => {
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const ended = await project.run(process.execPath, [tsc, '-p', '.'], 60_000)
    expect(ended).toEqual({ code: 0, signal: null, stdout: '', stderr: '' })
  })

  // In the order of the document: a program may need what an earlier one left behind.
  for (const block of blocks) {
    if (block.language === 'ts') {
      for (const file of filesIn(block)) {
        if (file.prints === undefined) continue
        it(`line ${block.line}: ${file.name} prints what it says`, async () => {
          project.write(file.name, withOwnEngine(file.text))
          const ended = await project.tsx(file.name)
          expectOutput(ended, file.prints ?? [])
          expect({ stderr: ended.stderr, end: endOf(ended) }).toEqual({ stderr: '', end: file.endsBy ?? 0 })
        })
      }
    }
    if (block.language === 'sh') {
      for (const { text, prints } of commandsIn(block)) {
        if (NOT_RUN.test(text)) continue
        it(`line ${block.line}: ${text}`, async (context) => {
          if (!existsSync(join(root, 'dist/cli/main.js'))) context.skip('the command is not built')
          const ended = await project.sh(text)
          expect(ended).toMatchObject({ code: 0 })
          if (prints !== undefined) expectOutput(ended, prints)
        })
      }
    }
  }
})

/** The exit code, or the signal. A program between us and the one that was killed answers 128 and the signal's number. */
function endOf({ code, signal }: Ended): number | string | null {
  return signal ?? (code === 137 ? 'SIGKILL' : code)
}

function expectOutput({ stdout, stderr }: Ended, expected: readonly string[]): void {
  const lines = linesOf(stdout)
  // Compared as they are when they do not match, so that the difference is shown.
  if (!matches(lines, expected)) expect({ lines, stderr }).toEqual({ lines: expected, stderr: '' })
}

describe('the reading of documents', () => {
  it('knows blocks, files and what they print', () => {
    const [block] = blocksOf(
      "text\n```ts\n// a.ts   a remark\nconsole.log('x')   // 'x'\n// b.ts\nexport {}\n// prints: y\n```\n",
    )
    expect(block).toMatchObject({ language: 'ts', line: 2 })
    expect(block === undefined ? [] : filesIn(block)).toMatchObject([
      { name: 'a.ts', prints: ['x'] },
      { name: 'b.ts', prints: ['y'], endsBy: undefined },
    ])
  })

  it('compares lines, with … for any text', () => {
    expect(matches(['due at 12:00.'], ['due at ….'])).toBe(true)
    expect(matches(['a'], ['a', 'b'])).toBe(false)
    expect(matches(['a+'], ['a.'])).toBe(false)
  })

  it('refuses a block without a file name', () => {
    expect(() => filesIn({ language: 'ts', line: 3, text: 'const a = 1\n' })).toThrow('line 3')
  })
})
