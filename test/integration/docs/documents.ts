/**
 * Programs and commands in the documents, as data.
 *
 * A block of TypeScript begins with a comment that names its file (`// app.ts`); a later comment of that kind begins another
 * file. A file that says what it prints, or how it ends, is a program and is run:
 *
 *     console.log(1 + 1) // prints: 2
 *     // prints: a line of its own, in the order of the output; … stands for any text
 *     // ends: SIGKILL
 *
 * A block of `sh` is a list of commands; what one prints may follow it in the same form, after `# prints: `.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { loadEngine } from '../../../src/store/sqlite/load-engine.ts'
import { root } from '../../package/package-files.ts'

/** A fenced block of a document. */
export interface Block {
  readonly language: string
  /** The line of its opening fence, from 1. */
  readonly line: number
  readonly text: string
}

/** A file that a block holds. */
export interface DocumentFile {
  readonly name: string
  readonly text: string
  /** What it prints, line by line; undefined when it is no program. */
  readonly prints: readonly string[] | undefined
  /** The signal that ends it, if it says so. */
  readonly endsBy: string | undefined
}

/** The text of a document; `path` is relative to the repository. */
export function readDocument(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

/** Every fenced block, in order. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { language: string; line: number; lines: string[] } | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, language] = /^```(\S*)/.exec(line) ?? []
    if (open === undefined && language !== undefined) open = { language, line: index + 1, lines: [] }
    else if (open !== undefined && line === '```') {
      blocks.push({ language: open.language, line: open.line, text: `${open.lines.join('\n')}\n` })
      open = undefined
    } else open?.lines.push(line)
  }
  if (open !== undefined) throw new Error(`the block that begins in line ${open.line} does not end`)
  return blocks
}

const FILE_COMMENT = /^\/\/ ([\w./[\]-]+\.(?:ts|mts|js|mjs))(?:\s.*)?$/

/** The files of a block of TypeScript. */
export function filesIn(block: Block): DocumentFile[] {
  const files: { name: string; lines: string[] }[] = []
  for (const line of block.text.split('\n')) {
    const [, name] = FILE_COMMENT.exec(line) ?? []
    if (name !== undefined) files.push({ name, lines: [] })
    const file = files.at(-1)
    if (file !== undefined) file.lines.push(line)
    else if (line.trim() !== '') throw new Error(`the block in line ${block.line} does not begin with "// name.ts"`)
  }
  return files.map(({ name, lines }) => {
    const prints = lines.flatMap((line) => printedBy(line) ?? [])
    const endsBy = lines.flatMap((line) => /^\/\/ ends: (\S+)$/.exec(line)?.[1] ?? [])[0]
    return {
      name,
      text: `${lines.join('\n').trimEnd()}\n`,
      prints: prints.length > 0 || endsBy !== undefined ? prints : undefined,
      endsBy,
    }
  })
}

/** `// prints: text`, and the form of the first program: `console.log(…) // 'text'`. */
function printedBy(line: string): string | undefined {
  return /\/\/ prints: (.*)$/.exec(line)?.[1] ?? /^console\.log\(.*\)\s+\/\/ '(.*)'$/.exec(line)?.[1]
}

/** A command of a block of `sh`, with what it prints; undefined where the document does not say. */
export interface Command {
  readonly text: string
  readonly prints: readonly string[] | undefined
}

/** The commands of a block of `sh`. */
export function commandsIn(block: Block): Command[] {
  const commands: { text: string; prints: string[] | undefined }[] = []
  for (const line of block.text.split('\n')) {
    const printed = /^# prints: (.*)$/.exec(line)?.[1]
    const last = commands.at(-1)
    if (printed !== undefined && last !== undefined) (last.prints ??= []).push(printed)
    else if (line.trim() !== '' && !line.startsWith('#')) commands.push({ text: line, prints: undefined })
  }
  return commands
}

/** Whether lines are what a document says; `…` in it stands for any text. */
export function matches(lines: readonly string[], expected: readonly string[]): boolean {
  return lines.length === expected.length && expected.every((text, index) => patternOf(text).test(lines[index] ?? ''))
}

function patternOf(text: string): RegExp {
  const escaped = text.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${escaped.join('.*')}$`)
}

/** Documents say which SQLite to import where; here it is the one of this Node. */
export function withOwnEngine(text: string): string {
  const isBuiltIn = loadEngine().name === 'node:sqlite'
  return isBuiltIn ? text.replaceAll("'@photostructure/sqlite'", "'node:sqlite'") : text
}
