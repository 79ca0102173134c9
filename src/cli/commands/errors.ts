/** `millrace errors` and `millrace dead groups`: errors that are alike, counted. */

import { Command } from 'commander'

import type { ErrorGroup, ErrorGroupOptions, Runner } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { numberOrText } from '../option-values.ts'
import { errorLine } from '../output/job-text.ts'
import { formatTable } from '../output/table.ts'
import { relativeText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

/** A command that shows groups. */
export interface GroupsCommand {
  readonly name: string
  readonly description: string
  readonly read: (runner: Runner, filter: ErrorGroupOptions) => Promise<readonly ErrorGroup[]>
  /** What can be done with them. */
  readonly hint: string
}

interface GroupsFlags extends DataOptions {
  readonly name?: string | undefined
  readonly since?: string | number | undefined
}

/** Makes `millrace errors`. */
export function errorsCommand(launch: Launch): Command {
  return groupsCommand(launch, {
    name: 'errors',
    description: 'count all attempts that failed, by job and by error',
    read: (runner, filter) => runner.errors(filter),
    hint: 'what failed for good is in: millrace dead groups',
  })
}

/** Makes a command that shows groups. */
export function groupsCommand(launch: Launch, groups: GroupsCommand): Command {
  const command = new Command(groups.name).description(groups.description)
  return addDatabaseOption(command)
    .option('--name <name>', 'only of this job name, such as mailer.sendWelcome')
    .option('--since <time>', 'only of the last so much time, such as 1h', numberOrText)
    .action((flags: GroupsFlags) => launch((session) => show(session, groups, flags)))
}

async function show(session: Session, { read, hint }: GroupsCommand, flags: GroupsFlags): Promise<ExitCode> {
  const { terminal, clock } = session
  return withDataRunner(session, flags, async ({ runner }) => {
    const groups = await read(runner, { name: flags.name, since: flags.since as ErrorGroupOptions['since'] })
    terminal.printJson({ groups })
    if (groups.length === 0) {
      terminal.say('no errors')
      return EXIT.ok
    }
    const columns = [
      { title: 'FINGERPRINT' },
      { title: 'NAME' },
      { title: 'COUNT', align: 'right' as const },
      { title: 'FIRST' },
      { title: 'LAST' },
      { title: 'ERROR', paint: terminal.colors.red },
    ]
    const rows = groups.map(({ fingerprint, name, count, firstAt, lastAt, errorName, message }) => [
      fingerprint,
      name,
      String(count),
      relativeText(firstAt.getTime(), clock.now()),
      relativeText(lastAt.getTime(), clock.now()),
      errorLine({ name: errorName, message }),
    ])
    const style = { width: terminal.width, paintHeader: terminal.colors.dim }
    terminal.print(...formatTable(columns, rows, style))
    terminal.say(hint)
    return EXIT.ok
  })
}
