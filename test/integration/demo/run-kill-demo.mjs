/** Runs the built demo of kills in a process of its own: `node run-kill-demo.mjs '<options as JSON>'`. */

import process from 'node:process'

import { runKillDemo } from '../../../dist/demo/kill/kill-demo.js'

const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
process.exitCode = await runKillDemo({
  ...JSON.parse(process.argv[2] ?? '{}'),
  signal: controller.signal,
  stdout: process.stdout,
  stderr: process.stderr,
})
