/** `millrace demo`: a worker on real input, with a slow stage, so that back-pressure is seen. */

import { Command } from 'commander'

import { onEndSignals, quit } from '../../host/signals.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Launch, Session } from '../session.ts'

interface DemoFlags {
  readonly once?: boolean | undefined
  readonly dir?: string | undefined
}

/** Makes the command. */
export function demoCommand(launch: Launch): Command {
  return new Command('demo')
    .description('run a demonstration on the files of this machine')
    .option('--once', 'end when its work is done')
    .option('--dir <folder>', 'where its database and output go (default: .millrace/demo)')
    .action((options: DemoFlags) => launch((session) => demo(session, options)))
}

async function demo({ terminal }: Session, { once = false, dir }: DemoFlags): Promise<ExitCode> {
  const { runDemo } = await import('../../demo/main.ts')
  const stop = new AbortController()
  const removeHandlers = onEndSignals((count) => (count === 1 ? stop.abort() : quit(EXIT.failed)))
  try {
    const { stdout, stderr } = process
    const exitCode = await runDemo({ once, dir, json: terminal.isJson, signal: stop.signal, stdout, stderr })
    return Object.values(EXIT).find((one) => one === exitCode) ?? EXIT.failed
  } finally {
    removeHandlers()
  }
}
