/**
 * Runs a tool and keeps what it printed. A signal that would end us ends the tool first, so that no half-done `npm ci` goes
 * on behind the back of the next one.
 */

import { spawn } from 'node:child_process'
import process from 'node:process'

import { root } from './common.mjs'

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])

/**
 * @typedef {object} Ran
 * @property {number | null} code the exit code; null when a signal ended it
 * @property {NodeJS.Signals | null} signal
 * @property {string} stdout
 * @property {string} stderr
 * @property {string} output both, in the order they came
 * @property {boolean} timedOut
 */

/**
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutMs?: number, show?: boolean }} [options]
 *   `show` passes the output on while it comes
 * @returns {Promise<Ran>} whatever happens; a tool that cannot be started has code 127
 */
export function run(command, args, { cwd = root, env = process.env, timeoutMs, show = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], shell: /\.cmd$/i.test(command) })
    const text = { stdout: '', stderr: '', output: '' }
    let timedOut = false
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            timedOut = true
            child.kill('SIGKILL')
          }, timeoutMs)
    /** @type {NodeJS.Signals | undefined} */
    let stoppedBy
    const stop = (/** @type {NodeJS.Signals} */ signal) => {
      stoppedBy = signal
      child.kill(signal)
    }
    for (const signal of SIGNALS) process.on(signal, stop)
    const unhook = () => {
      clearTimeout(timer)
      for (const signal of SIGNALS) process.removeListener(signal, stop)
    }
    const keep = (/** @type {'stdout' | 'stderr'} */ name) => (/** @type {string} */ chunk) => {
      text[name] += chunk
      text.output += chunk
      if (show) process[name].write(chunk)
    }
    child.stdout.setEncoding('utf8').on('data', keep('stdout'))
    child.stderr.setEncoding('utf8').on('data', keep('stderr'))
    child.on('error', (error) => {
      unhook()
      resolve({ code: 127, signal: null, ...text, output: `${text.output}${error.message}\n`, timedOut })
    })
    const end = (/** @type {number | null} */ code, /** @type {NodeJS.Signals | null} */ signal) => {
      unhook()
      if (stoppedBy === undefined) resolve({ code, signal, ...text, timedOut })
      else process.kill(process.pid, stoppedBy)
    }
    child.on('close', end)
    // A grandchild that outlives a killed tool keeps the pipes open; do not wait for it.
    child.on('exit', (code, signal) => {
      if (timedOut) end(code, signal)
    })
  })
}
