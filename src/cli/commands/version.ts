/** `millrace version`. */

import { Command } from 'commander'

import { VERSION } from '../../runner/version.ts'
import { EXIT } from '../exit-codes.ts'
import type { Launch } from '../session.ts'

/** Makes the command. */
export function versionCommand(launch: Launch): Command {
  return new Command('version').description('print the version of millrace').action(() =>
    launch(async ({ terminal }) => {
      terminal.printJson({ millrace: VERSION, node: process.versions.node })
      terminal.print(VERSION)
      return EXIT.ok
    }),
  )
}
