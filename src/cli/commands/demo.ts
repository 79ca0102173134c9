/** `millrace demo`: a worker on real input, with a slow stage, so that back-pressure is seen. */

import { Command } from 'commander'

import { onEndSignals, quit } from '../../host/signals.ts'
import { isPostgresUrl } from '../../runner/database.ts'
import { usageError } from '../cli-error.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import type { Launch, Session } from '../session.ts'

interface DemoFlags {
  readonly once?: boolean | undefined
  readonly dir?: string | undefined
  readonly database?: string | undefined
}

/** Makes the command. */
export function demoCommand(launch: Launch): Command {
  return new Command('demo')
    .description('run a demonstration on the files of this machine')
    .option('--once', 'end when its work is done')
    .option('--dir <folder>', 'where its output goes, and its SQLite file (default: .millrace/demo)')
    .option(
      '--url, --database <url>',
      'the PostgreSQL server to use (default: that of MILLRACE_DATABASE or DATABASE_URL, else an SQLite file in its folder)',
    )
    .action((options: DemoFlags) => launch((session) => demo(session, options)))
}

async function demo({ terminal, env }: Session, { once = false, dir, database: named }: DemoFlags): Promise<ExitCode> {
  const database = serverFor(named, env)
  const { runDemo } = await import('../../demo/main.ts')
  const stop = new AbortController()
  const removeHandlers = onEndSignals((count) => (count === 1 ? stop.abort() : quit(EXIT.failed)))
  try {
    const { stdout, stderr } = process
    const exitCode = await runDemo({
      once,
      dir,
      database,
      json: terminal.isJson,
      signal: stop.signal,
      stdout,
      stderr,
    })
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
