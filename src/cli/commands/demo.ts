/** `millrace demo`: a worker on real input, with a slow stage, so that back-pressure is seen. */

import { Command } from 'commander'

import { onEndSignals, quit } from '../../host/signals.ts'
import { isPostgresUrl } from '../../runner/database.ts'
import { usageError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Launch, Session } from '../session.ts'

interface DemoFlags {
  readonly once?: boolean | undefined
  readonly kill?: boolean | undefined
  readonly dir?: string | undefined
  readonly database?: string | undefined
}

/** Makes the command. */
export function demoCommand(launch: Launch): Command {
  return new Command('demo')
    .description('run a demonstration on the files of this machine')
    .option('--once', 'end when its work is done')
    .option('--kill', 'kill workers for twenty seconds instead, and count what is lost: nothing')
    .option('--dir <folder>', 'where its output goes, and its SQLite file (default: .millrace/demo)')
    .option(
      '--url, --database <url>',
      'the PostgreSQL server to use (default: that of MILLRACE_DATABASE or DATABASE_URL, else an SQLite file in its folder)',
    )
    .action((options: DemoFlags) => launch((session) => demo(session, options)))
}

async function demo({ terminal, env }: Session, flags: DemoFlags): Promise<ExitCode> {
  const { once = false, kill = false, dir, database: named } = flags
  if (kill && (once || dir !== undefined)) {
    throw usageError('--kill takes neither --once nor --dir', 'it ends by itself, and leaves nothing behind')
  }
  const database = serverFor(named, env)
  const stop = new AbortController()
  const removeHandlers = onEndSignals((count) => (count === 1 ? stop.abort() : quit(EXIT.failed)))
  try {
    const { stdout, stderr } = process
    const options = { database, json: terminal.isJson, signal: stop.signal, stdout, stderr }
    const exitCode = kill
      ? await (await import('../../demo/kill/kill-demo.ts')).runKillDemo(options)
      : await (await import('../../demo/main.ts')).runDemo({ once, dir, ...options })
    return Object.values(EXIT).find((one) => one === exitCode) ?? EXIT.failed
  } finally {
    removeHandlers()
  }
}

/** On PostgreSQL the demo has a schema of its own; in an SQLite file of the user it would be among the user's jobs. */
function serverFor(named: string | undefined, env: Session['env']): string | undefined {
  if (named !== undefined && !isPostgresUrl(named)) {
    throw usageError(
      'the demo takes only a URL of PostgreSQL as --database',
      'its SQLite file is in its own folder, which --dir names',
    )
  }
  return [named, env['MILLRACE_DATABASE'], env['DATABASE_URL']].find((url) => url !== undefined && isPostgresUrl(url))
}
