/** `millrace show <id>`: everything about one job. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { jobLines } from '../output/job-text.ts'
import type { Launch, Session } from '../session.ts'
import { unknownJob } from '../unknown-job.ts'

/** Makes the command. */
export function showCommand(launch: Launch): Command {
  const command = new Command('show').description('show a job: its args, attempts, errors, logs and result')
  return addDatabaseOption(command)
    .argument('<id>', 'the id of a job')
    .action((id: string, options: DataOptions) => launch((session) => show(session, id, options)))
}

async function show(session: Session, id: string, options: DataOptions): Promise<ExitCode> {
  const { terminal, clock } = session
  return withDataRunner(session, options, async ({ runner }) => {
    const job = await runner.job(id)
    if (job === null) throw unknownJob(id)
    terminal.printJson({ job })
    terminal.print(...jobLines(job, clock.now(), terminal.colors))
    return EXIT.ok
  })
}
