/** What every command gets. */

import type { Command } from 'commander'

import type { Clock } from '../host/clock.ts'
import type { ExitCode } from './exit-codes.ts'
import type { Terminal } from './output/terminal.ts'

/** One run of the command. */
export interface Session {
  readonly terminal: Terminal
  readonly clock: Clock
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  /** `--config`. */
  readonly configFile: string | undefined
}

/** Runs a command once it is parsed. */
export type Launch = (work: (session: Session) => Promise<ExitCode>) => Promise<void>

/** Makes a command. */
export type MakeCommand = (launch: Launch) => Command
