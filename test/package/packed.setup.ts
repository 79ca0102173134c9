/** Packs the package once for all tests of this folder. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { TestProject } from 'vitest/node'

import { root } from './package-files.ts'
import { runProgram } from './run-program.ts'

/** A file in the tarball. */
export interface PackedFile {
  readonly path: string
  readonly mode: number
}

declare module 'vitest' {
  export interface ProvidedContext {
    /** The tarball that would be published. */
    tarball: string
    /** What is in it. */
    packedFiles: readonly PackedFile[]
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-packed-'))
  // Builds first, by itself.
  const answer = await must('npm', ['pack', '--json', '--pack-destination', folder])
  // npm's own report of what it packed, behind what the build says.
  const [packed] = JSON.parse(answer.slice(answer.search(/^\[/m))) as [
    { filename: string; files: readonly PackedFile[] },
  ]
  project.provide('tarball', join(folder, packed.filename))
  project.provide('packedFiles', packed.files)
  return () => rmSync(folder, { recursive: true, force: true })
}

async function must(command: string, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(command, args, { cwd: root })
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} failed (${code}):\n${stdout}${stderr}`)
  return stdout
}
