/** `millrace migrate`: creates or upgrades the schema, or says how it would. */

import { Command } from 'commander'

import type { PendingMigrations } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withSchemaRunner, type DataOptions, type OpenRunner } from '../open-runner.ts'
import type { Terminal } from '../output/terminal.ts'
import type { Launch, Session } from '../session.ts'

interface MigrateFlags extends DataOptions {
  readonly dryRun?: boolean | undefined
  readonly sql?: boolean | undefined
}

/** Makes the command. */
export function migrateCommand(launch: Launch): Command {
  return addDatabaseOption(new Command('migrate').description('create or upgrade the schema of the database'))
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--sql', 'print the missing steps as a script for psql or sqlite3, and change nothing')
    .action((flags: MigrateFlags) => launch((session) => migrate(session, flags)))
}

async function migrate(session: Session, flags: MigrateFlags): Promise<ExitCode> {
  const { terminal } = session
  return withSchemaRunner(session, flags, async (open) => {
    const where = open.database ?? 'the database'
    if (flags.dryRun === true || flags.sql === true) {
      const plan = await open.runner.pendingMigrations()
      tellPlan(terminal, { plan, where, isScript: flags.sql === true, isSqlite: isSqlite(open) })
      return EXIT.ok
    }
    const { from, to, applied } = await open.runner.migrate()
    terminal.printJson({ from, to, applied })
    terminal.print(
      applied.length === 0
        ? `${where} is at version ${to}: nothing to do`
        : `${where} went from version ${from} to ${to}: ${applied.join(', ')}`,
    )
    return EXIT.ok
  })
}

interface Plan {
  readonly plan: PendingMigrations
  readonly where: string
  readonly isScript: boolean
  readonly isSqlite: boolean
}

function tellPlan(terminal: Terminal, { plan, where, isScript, isSqlite: hasBail }: Plan): void {
  const { from, to, pending } = plan
  const names = pending.map(({ name }) => name)
  terminal.printJson({ from, to, pending: isScript ? pending : names })
  const words =
    names.length === 0
      ? `${where} is at version ${to}: nothing to do`
      : `${where} would go from version ${from} to ${to}: ${names.join(', ')}`
  if (!isScript) terminal.print(words)
  else {
    terminal.say(words)
    if (names.length > 0) terminal.print(...scriptLines(plan, hasBail))
  }
}

function scriptLines({ from, to, pending }: PendingMigrations, hasBail: boolean): string[] {
  return [
    `-- millrace: from schema version ${from} to ${to}`,
    // Without this sqlite3 goes on after an error and would commit half a step; psql does not commit after one.
    ...(hasBail ? ['.bail on'] : []),
    ...pending.map(({ name, sql }) => `\n-- ${name}\n${sql.trimEnd()}`),
  ]
}

function isSqlite({ database }: OpenRunner): boolean {
  return database?.startsWith('sqlite:') === true
}
