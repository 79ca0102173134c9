/** `millrace explain <id>`: why a job is not running. */

import { Command } from 'commander'

import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { cleanLine } from '../output/clean-text.ts'
import { paintState } from '../output/job-text.ts'
import type { Launch, Session } from '../session.ts'
import { unknownJob } from '../unknown-job.ts'

/** Makes the command. */
export function explainCommand(launch: Launch): Command {
  return addDatabaseOption(new Command('explain').description('say why a job is not running'))
    .argument('<id>', 'the id of a job')
    .action((id: string, options: DataOptions) => launch((session) => explain(session, id, options)))
}

async function explain(session: Session, id: string, options: DataOptions): Promise<ExitCode> {
  const { terminal } = session
  return withDataRunner(session, options, async ({ runner }) => {
    const explanation = await runner.explain(id)
    if (explanation === null) throw unknownJob(id)
    const { state, waiting, detail } = explanation
    terminal.printJson({ id, state, waiting, detail })
    const reason = waiting === null ? '' : ` (${waiting})`
    terminal.print(`${paintState(state, state, terminal.colors)}${reason}: ${cleanLine(detail)}`)
    return EXIT.ok
  })
}
