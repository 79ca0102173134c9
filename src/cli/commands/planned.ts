/** Commands that have their names already, but do nothing yet. */

import { Command } from 'commander'

import { notAvailableMessage } from '../../job/not-available.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-codes.ts'
import type { Launch } from '../session.ts'

const PLANNED: readonly (readonly [name: string, description: string])[] = [
  ['bench', 'measure the throughput of this machine'],
  ['dashboard', 'serve the dashboard'],
]

/** Makes them: known to the help and to suggestions, and refused. */
export function plannedCommands(launch: Launch): Command[] {
  return PLANNED.map(([name, description]) =>
    new Command(name)
      .description(`${description} (not available yet)`)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() =>
        launch(async () => {
          throw new CliError(notAvailableMessage(`\`millrace ${name}\``), { exitCode: EXIT.refused })
        }),
      ),
  )
}
