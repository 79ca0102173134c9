/** Runs the built demo in a process of its own: `node run-demo.mjs '<options as JSON>'`. Its working folder is that of the process. */

import process from 'node:process'

import { runDemo } from '../../../dist/demo/main.js'

const controller = new AbortController()
process.once('SIGINT', () => controller.abort())
process.exitCode = await runDemo({
  once: true,
  dir: undefined,
  json: true,
  ...JSON.parse(process.argv[2] ?? '{}'),
  signal: controller.signal,
  stdout: process.stdout,
  stderr: process.stderr,
})
