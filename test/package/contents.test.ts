/** What is in the tarball, and what is not. */

import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

import { describe, expect, inject, it } from 'vitest'

import { manifest, root } from './package-files.ts'

const files = inject('packedFiles')
const paths = new Set(files.map(({ path }) => path))

describe('the tarball', () => {
  it('holds the build, and the pages every package has', () => {
    const others = [...paths].filter((path) => !path.startsWith('dist/'))
    const pages = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md'].filter((name) => existsSync(join(root, name)))
    expect(others.toSorted()).toEqual([...pages, 'package.json'].toSorted())
    expect(paths).toContain('LICENSE')
  })

  it('holds no tests and no sources', () => {
    expect([...paths].filter((path) => /\.(test|spec|test-d)\./.test(path))).toEqual([])
    expect([...paths].filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))).toEqual([])
  })

  it('holds every file that package.json names', () => {
    const exported = Object.values(manifest.exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    )
    const named = [...exported, ...Object.values(manifest.bin)].map((path) => normalize(path).replaceAll('\\', '/'))
    expect(named.filter((path) => !paths.has(path))).toEqual([])
  })

  it('has executable commands that say how to run them', () => {
    const commands = Object.values(manifest.bin).map((path) => normalize(path).replaceAll('\\', '/'))
    const seen = commands.map((path) => ({
      path,
      mode: files.find((file) => file.path === path)?.mode.toString(8),
      firstLine: existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8').split('\n', 1)[0] : undefined,
    }))
    expect(seen).toEqual(commands.map((path) => ({ path, mode: '755', firstLine: '#!/usr/bin/env node' })))
  })

  it('has no source map that points at a missing file', () => {
    const missing = [...paths].filter((path) => /\.(js|d\.ts|map)$/.test(path)).flatMap((path) => missingMapsOf(path))
    expect(missing).toEqual([])
  })
})

function missingMapsOf(path: string): readonly string[] {
  const text = readFileSync(join(root, path), 'utf8')
  if (!path.endsWith('.map')) {
    const map = /^\/\/# sourceMappingURL=(\S+)$/m.exec(text)?.[1]
    return map === undefined || map.startsWith('data:') || has(path, map) ? [] : [`${path} → ${map}`]
  }
  // A source map as the compiler writes it.
  const { sources, sourcesContent } = JSON.parse(text) as { sources: readonly string[]; sourcesContent?: unknown }
  return sourcesContent === undefined
    ? sources.filter((source) => !has(path, source)).map((source) => `${path} → ${source}`)
    : []
}

function has(from: string, to: string): boolean {
  return paths.has(normalize(join(dirname(from), to)).replaceAll('\\', '/'))
}
