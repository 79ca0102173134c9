/** The command and what is loaded, on the installed tarball. */

import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'

import { installedPackage, type UserFolder } from './installed-package.ts'
import { manifest, root } from './package-files.ts'

let user: UserFolder
beforeAll(async () => {
  user = await installedPackage(inject('tarball'))
}, 120_000)
afterAll(() => user.remove())

describe('the command', () => {
  it('tells its version', async () => {
    expect(await user.run('npx', ['--no-install', 'millrace', '--version'])).toMatchObject({
      code: 0,
      stdout: `${manifest.version}\n`,
    })
  })

  it('tells how it is used', async () => {
    const { code, stdout } = await user.run('npx', ['--no-install', 'millrace', '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain('millrace')
    expect(stdout).toContain('demo')
  })

  it('is a file that runs by itself', async () => {
    expect(await user.run(join(user.path, 'node_modules/.bin/millrace'), ['--version'])).toMatchObject({ code: 0 })
  })
})

describe('the types', () => {
  it('need no package that is optional', async () => {
    const all = ['.', './stage', './telemetry'].map(
      (path, at) => `import * as all${at} from 'millrace${path.slice(1)}'`,
    )
    user.write({ 'types.ts': `${all.join('\n')}\nconsole.log(all0, all1, all2)\n` })
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const flags = ['--noEmit', '--strict', '--target', 'es2023', '--module', 'nodenext']
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    expect(await user.run(process.execPath, [tsc, ...flags, ...types, 'types.ts'])).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
  })
})

describe('what is loaded', () => {
  it('loads nothing but the stage runtime for millrace/stage', async () => {
    const { files, builtins } = await loadedBy("await import('millrace/stage')")
    const own = files.filter((file) => file.startsWith('millrace/'))
    expect(own.length).toBeGreaterThan(0)
    expect(own.filter((file) => !/^millrace\/dist\/(host|process|stage)\//.test(file))).toEqual([])
    expect(files.filter((file) => !file.startsWith('millrace/'))).toEqual([])
    expect(builtins).not.toContain('sqlite')
  })

  it('loads no database driver and touches no file before the first use of a runner', async () => {
    const { files, builtins } = await loadedBy(
      "const { createRunner } = await import('millrace')\ncreateRunner({ jobs: {}, database: 'sqlite:./untouched.db' })",
    )
    expect(files.filter((file) => file.startsWith('millrace/')).length).toBeGreaterThan(0)
    expect(files.filter((file) => /^(pg|pg-.*|@photostructure\/sqlite)\//.test(file))).toEqual([])
    expect(builtins).not.toContain('sqlite')
    expect(existsSync(join(user.path, 'untouched.db'))).toBe(false)
  })

  it('loads no other package for millrace/telemetry', async () => {
    const { files } = await loadedBy("await import('millrace/telemetry')")
    expect(files.filter((file) => file.startsWith('millrace/')).length).toBeGreaterThan(0)
    expect(files.filter((file) => !file.startsWith('millrace/'))).toEqual([])
  })

  it('sees what is loaded, in both module systems', async () => {
    user.write({
      'requires.mjs': "import { createRequire } from 'node:module'\ncreateRequire(import.meta.url)('commander')\n",
    })
    const { files } = await loadedBy("await import('./requires.mjs'); await import('devalue')")
    expect(files.some((file) => file.startsWith('commander/'))).toBe(true)
    expect(files.some((file) => file.startsWith('devalue/'))).toBe(true)
  })
})

/** The files below node_modules and the built-in modules that a program makes Node load. */
async function loadedBy(program: string): Promise<{ files: readonly string[]; builtins: readonly string[] }> {
  user.write({
    'trace-hooks.mjs': `
      import { writeSync } from 'node:fs'
      export async function load(url, context, next) {
        writeSync(1, 'loaded ' + url + '\\n')
        return next(url, context)
      }
    `,
    'traced.mjs': `
      import { Module, register } from 'node:module'
      import { pathToFileURL } from 'node:url'
      register('./trace-hooks.mjs', import.meta.url)
      ${program}
      for (const path of Object.keys(Module._cache)) console.log('loaded ' + pathToFileURL(path))
      for (const name of process.moduleLoadList) console.log('builtin ' + name.replace(/^NativeModule /, ''))
      process.exit()
    `,
  })
  const { code, stdout, stderr } = await user.run(process.execPath, ['traced.mjs'])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const tell = (word: string): string[] =>
    stdout.split('\n').flatMap((line) => (line.startsWith(`${word} `) ? [line.slice(word.length + 1)] : []))
  const files = tell('loaded').filter((url) => url.includes('/node_modules/'))
  return {
    files: [...new Set(files.map((url) => url.slice(url.indexOf('/node_modules/') + '/node_modules/'.length)))],
    builtins: tell('builtin'),
  }
}
