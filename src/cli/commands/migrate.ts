/** `millrace migrate`: creates or upgrades the schema. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withSchemaRunner, type DataOptions } from '../open-runner.ts'
import type { Launch, Session } from '../session.ts'

/** Makes the command. */
export function migrateCommand(launch: Launch): Command {
  return addDatabaseOption(new Command('migrate').description('create or upgrade the schema of the database')).action(
    (options: DataOptions) => launch((session) => migrate(session, options)),
  )
}

async function migrate(session: Session, options: DataOptions): Promise<ExitCode> {
  const { terminal } = session
  return withSchemaRunner(session, options, async ({ runner, database }) => {
    const { from, to, applied } = await runner.migrate()
    terminal.printJson({ from, to, applied })
    const where = database === undefined ? 'the database' : database
    terminal.print(
      applied.length === 0
        ? `${where} is at version ${to}: nothing to do`
        : `${where} went from version ${from} to ${to}: ${applied.join(', ')}`,
    )
    return EXIT.ok
  })
}
