/** The options that say who gives an order, and why, for every command that changes something. */

import type { Command } from 'commander'

import type { OperatorOptions } from '../index.ts'

/** The options as they are parsed. */
export interface OperatorFlags {
  readonly as?: string | undefined
  readonly reason?: string | undefined
}

/** Adds `--as` and `--reason` to a command. */
export function addOperatorOptions(command: Command): Command {
  return command
    .option('--as <who>', 'who does it, for `millrace audit` (default: your account and this host)')
    .option('--reason <text>', 'why, for `millrace audit`')
}

/** What they mean. */
export function readOperator({ as: by, reason }: OperatorFlags): OperatorOptions {
  return { by, reason }
}
