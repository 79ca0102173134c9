import { mkdtempSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

import { afterAll, beforeAll, expect, it } from 'vitest'

import { root } from './common.mjs'
import { withLock } from './lock.mjs'
import { run } from './run.mjs'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-lock-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Each process adds a line when it enters and one when it leaves. */
function program(/** @type {string} */ path, /** @type {string} */ log) {
  const lock = pathToFileURL(join(root, 'scripts/boot/lock.mjs')).href
  return `
    import { appendFileSync } from 'node:fs'
    import { setTimeout as sleep } from 'node:timers/promises'
    import { withLock } from '${lock}'
    await withLock(async () => {
      appendFileSync(${JSON.stringify(log)}, 'in\\n')
      await sleep(20)
      appendFileSync(${JSON.stringify(log)}, 'out\\n')
    }, { path: ${JSON.stringify(path)} })
  `
}

it('lets one process in at a time, even when all find the same stale lock', async () => {
  const path = join(folder, 'shared.lock')
  const log = join(folder, 'log')
  const gone = await run(process.execPath, ['-p', 'process.pid'])
  writeFileSync(path, JSON.stringify({ pid: Number(gone.stdout), host: hostname() }))
  const args = ['--input-type=module', '-e', program(path, log)]
  const all = await Promise.all(Array.from({ length: 6 }, () => run(process.execPath, args)))
  expect(all.map(({ code, output }) => `${code} ${output}`.trim())).toEqual(Array.from({ length: 6 }, () => '0'))
  expect(readFileSync(log, 'utf8')).toBe('in\nout\n'.repeat(6))
  expect(existsSync(path)).toBe(false)
})

it('takes over from a holder that is silent', async () => {
  const path = join(folder, 'silent.lock')
  writeFileSync(path, JSON.stringify({ pid: process.pid, host: 'elsewhere' }))
  expect(await withLock(() => Promise.resolve('mine'), { path, silentMs: 500 })).toBe('mine')
})

it('lets go when the work fails', async () => {
  const path = join(folder, 'failing.lock')
  await expect(withLock(() => Promise.reject(new Error('boom')), { path })).rejects.toThrow('boom')
  expect(existsSync(path)).toBe(false)
})
