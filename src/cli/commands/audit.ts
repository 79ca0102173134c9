/** `millrace audit`: what operators did, by whom, when and why. */

import { Command, Option } from 'commander'

import type { AuditAction, AuditEntry } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { wholeNumber } from '../option-values.ts'
import { cleanLine } from '../output/clean-text.ts'
import { formatTable, type Column } from '../output/table.ts'
import { AUDIT_ACTIONS } from '../../store/store.ts'
import { isoTime } from '../../host/time.ts'
import type { Launch, Session } from '../session.ts'

interface AuditFlags extends DataOptions {
  readonly queue?: string | undefined
  readonly action?: AuditAction | undefined
  readonly limit?: number | undefined
}

/** Makes the command. */
export function auditCommand(launch: Launch): Command {
  return addDatabaseOption(
    new Command('audit').description('show what operators did in the last 90 days, and who and why'),
  )
    .option('--queue <queue>', 'about this queue')
    .addOption(new Option('--action <action>', 'of this kind').choices([...AUDIT_ACTIONS]))
    .option('--limit <n>', 'at most this many, 1 to 1000 (default: 50)', wholeNumber)
    .action((flags: AuditFlags) => launch((session) => showAudit(session, flags)))
}

async function showAudit(session: Session, { queue, action, limit, ...options }: AuditFlags): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, options, async ({ runner }) => {
    const entries = await runner.audit({ queue, action, limit })
    terminal.printJson({ entries })
    if (entries.length === 0) {
      terminal.say('nothing is written down')
      return EXIT.ok
    }
    const columns: Column[] = ['AT', 'WHO', 'ACTION', 'ABOUT', 'JOBS', 'WHY'].map((title) => ({ title }))
    const rows = entries.map((entry) => [
      isoTime(entry.at.getTime()),
      cleanLine(entry.by),
      entry.action,
      cleanLine(aboutOf(entry)),
      entry.jobs === null ? '-' : String(entry.jobs),
      cleanLine(entry.reason ?? '-'),
    ])
    terminal.print(...formatTable(columns, rows, { width: terminal.width, paintHeader: terminal.colors.dim }))
    return EXIT.ok
  })
}

function aboutOf({ queue, target }: AuditEntry): string {
  const parts = Object.keys(target).length === 0 ? [] : [JSON.stringify(target)]
  return [...(queue === null ? [] : [queue]), ...parts].join(' ')
}
