/**
 * Runs a child in our place: it has the terminal, we pass signals on, outlive it, and end the way it ended.
 *
 * On Ctrl-C the terminal signals every process in the foreground, the child too, and npm then sends us the same signal
 * again; were it passed on, the child would take one key press for two or three. So SIGINT is passed on only when there is
 * no terminal, and signals that arrive together count as one.
 *
 * npm starts us through a shell, which dies of a signal that npm passes to it without telling us; so under npm the loss of
 * the parent counts as SIGTERM.
 */

import { spawn } from 'node:child_process'
import process from 'node:process'

const SIGNALS = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
const TOGETHER_MS = 1_000
const LOOK_AT_PARENT_EVERY_MS = 250

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>} the child's exit code
 */
export function runToTheEnd(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: 'inherit' })
    let lastAt = -Infinity
    const pass = (/** @type {NodeJS.Signals} */ signal) => {
      const now = performance.now()
      const isEcho = now - lastAt < TOGETHER_MS
      if (!isEcho) lastAt = now
      const fromTerminal = signal === 'SIGINT' && process.stdin.isTTY
      if (!isEcho && !fromTerminal) child.kill(signal)
    }
    for (const signal of SIGNALS) process.on(signal, pass)
    const watch = watchParent(() => pass('SIGTERM'))
    const unhook = () => {
      clearInterval(watch)
      for (const signal of SIGNALS) process.removeListener(signal, pass)
    }
    child.on('error', (error) => {
      unhook()
      reject(error)
    })
    child.on('exit', (code, signal) => {
      unhook()
      if (signal === null) resolve(code ?? 1)
      else process.kill(process.pid, signal)
    })
  })
}

/** @param {() => void} lost called once when the process that started us is gone */
function watchParent(lost) {
  const parent = process.ppid
  if (process.env.npm_lifecycle_event === undefined) return undefined
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    lost()
  }, LOOK_AT_PARENT_EVERY_MS)
  return timer.unref()
}
