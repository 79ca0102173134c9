import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { pathToFileURL } from 'node:url'

import { expect, it } from 'vitest'

import { root } from './common.mjs'

/** A child that says when it is up, counts SIGINT, and ends half a second after the first. */
const CHILD = `
  let count = 0
  process.on('SIGINT', () => {
    if (++count === 1) setTimeout(() => { console.log('signals ' + count); process.exit(7) }, 500)
  })
  setInterval(() => {}, 1000)
  console.log('up')
`

/** @param {string} child the program to run under runToTheEnd */
function bootProgram(child) {
  const module = pathToFileURL(join(root, 'scripts/boot/run-to-the-end.mjs')).href
  return `
    import { runToTheEnd } from '${module}'
    process.exitCode = await runToTheEnd(process.execPath, ['-e', ${JSON.stringify(child)}])
  `
}

/** @param {string} child */
function boot(child) {
  const args = ['--input-type=module', '-e', bootProgram(child)]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

it('passes a signal on once, waits for the child, and exits with its code', async () => {
  const parent = boot(CHILD)
  let text = ''
  parent.stdout.setEncoding('utf8').on('data', (chunk) => {
    if (text === '' && chunk.startsWith('up')) {
      parent.kill('SIGINT')
      setTimeout(() => parent.kill('SIGINT'), 50)
    }
    text += chunk
  })
  const [code] = await once(parent, 'close')
  expect({ code, text }).toEqual({ code: 7, text: 'up\nsignals 1\n' })
})

it('ends by the signal that ended the child', async () => {
  const [code, signal] = await once(boot("process.kill(process.pid, 'SIGTERM')"), 'close')
  expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' })
})

it('stops the child when npm, or the shell that npm put between, is gone', async () => {
  const child = `
    process.on('SIGTERM', () => { console.log('stopped'); process.exit(0) })
    setInterval(() => {}, 1000)
    console.log('up')
  `
  const args = JSON.stringify(['--input-type=module', '-e', bootProgram(child)])
  const shell = `require('node:child_process').spawn(process.execPath, ${args}, { stdio: 'inherit' })`
  const env = { ...process.env, npm_lifecycle_event: 'start' }
  const parent = spawn(process.execPath, ['-e', shell], { stdio: ['ignore', 'pipe', 'inherit'], env })
  let text = ''
  parent.stdout.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
    if (text === 'up\n') parent.kill('SIGKILL')
  })
  // The pipe closes when the last process that holds it is gone.
  await once(parent, 'close')
  expect(text).toBe('up\nstopped\n')
})
