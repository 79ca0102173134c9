/** The command line as a whole: its commands, what they share, and the one place where errors end. */

import { Command, CommanderError, Option } from 'commander'

import { nodeClock } from '../host/clock.ts'
import { tellError } from './cli-error.ts'
import { auditCommand } from './commands/audit.ts'
import { breakerCommand, breakersCommand } from './commands/breakers.ts'
import { bulkCommands } from './commands/bulk.ts'
import { deadCommand } from './commands/dead.ts'
import { demoCommand } from './commands/demo.ts'
import { doctorCommand } from './commands/doctor.ts'
import { enqueueCommand } from './commands/enqueue.ts'
import { errorsCommand } from './commands/errors.ts'
import { explainCommand } from './commands/explain.ts'
import { flowCommand } from './commands/flow.ts'
import { lsCommand } from './commands/ls.ts'
import { metricsCommand } from './commands/metrics.ts'
import { migrateCommand } from './commands/migrate.ts'
import { nodesCommand } from './commands/nodes.ts'
import { quietCommand, stopCommand } from './commands/order-node.ts'
import { pauseCommand, resumeCommand } from './commands/pause.ts'
import { plannedCommands } from './commands/planned.ts'
import { queuesCommand } from './commands/queues.ts'
import { scaleCommand } from './commands/scale.ts'
import { showCommand } from './commands/show.ts'
import { startCommand } from './commands/start.ts'
import { versionCommand } from './commands/version.ts'
import { readEnvFile } from './config/env-file.ts'
import { EXIT, type ExitCode } from './exit-codes.ts'
import { Terminal } from './output/terminal.ts'
import type { Launch } from './session.ts'

/** Runs the command and answers its exit code, once all output is with its readers. */
export async function runCli(argv: readonly string[]): Promise<ExitCode> {
  const terminal = terminalFor(argv)
  const exitCode = await parse(argv, terminal)
  await terminal.flush()
  return exitCode
}

async function parse(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  // A command that was not reached is a usage error, which throws, or help, which is fine.
  let exitCode: ExitCode = EXIT.ok
  const program = makeProgram(terminal, async (work) => {
    const folder = process.cwd()
    const complaint = readEnvFile(folder, process.env)
    if (complaint !== undefined) terminal.say(complaint)
    const { config } = program.opts<{ config?: string | undefined }>()
    exitCode = await work({ terminal, clock: nodeClock(), env: process.env, folder, configFile: config })
  })
  try {
    await program.parseAsync(withVersionCommand(argv), { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    return report(error, terminal)
  }
}

/** Usage errors come before options are parsed, so the options that shape output are looked for by hand. */
function terminalFor(argv: readonly string[]): Terminal {
  const end = argv.indexOf('--')
  const options = new Set(end === -1 ? argv : argv.slice(0, end))
  const { stdin, stdout, stderr, env } = process
  return new Terminal({
    stdin,
    stdout,
    stderr,
    env,
    isJson: options.has('--json'),
    isVerbose: options.has('--verbose') || (env['DEBUG'] ?? '') !== '',
    mayColor: !options.has('--no-color'),
  })
}

/** `millrace --version` is `millrace version`. */
function withVersionCommand(argv: readonly string[]): string[] {
  const isAlone = argv.every((word) => word.startsWith('-'))
  return argv.map((word) => (isAlone && (word === '--version' || word === '-V') ? 'version' : word))
}

function makeProgram(terminal: Terminal, launch: Launch): Command {
  const program = new Command('millrace')
    .description('Background jobs: any exported function is a job.')
    .usage('<command> [options]')
    .option('--config <file>', 'the configuration (default: millrace.config.ts, .mts, .js or .mjs in this folder)')
    .option('--json', 'print data as one JSON document')
    .option('--no-color', 'no colours and no questions')
    .option('--verbose', 'show the stack of an error')
    .addOption(new Option('-V, --version', 'print the version'))
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failed, 2 wrong usage, 3 no database, 4 not found, 5 refused or not available yet.',
    )
  const commands = [
    startCommand(launch),
    enqueueCommand(launch),
    lsCommand(launch),
    showCommand(launch),
    explainCommand(launch),
    ...bulkCommands(launch),
    deadCommand(launch),
    errorsCommand(launch),
    queuesCommand(launch),
    metricsCommand(launch),
    pauseCommand(launch),
    resumeCommand(launch),
    scaleCommand(launch),
    nodesCommand(launch),
    flowCommand(launch),
    quietCommand(launch),
    stopCommand(launch),
    breakersCommand(launch),
    breakerCommand(launch),
    auditCommand(launch),
    migrateCommand(launch),
    doctorCommand(launch),
    demoCommand(launch),
    versionCommand(launch),
    ...plannedCommands(launch),
  ]
  for (const command of [program, ...commands.flatMap((one) => [one, ...one.commands])]) configure(command, terminal)
  for (const command of commands) program.addCommand(command)
  return program
}

function configure(command: Command, terminal: Terminal): void {
  command
    .exitOverride()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      // Errors are thrown too, and told where all of them are.
      outputError: () => {},
      writeErr: (text) => terminal.say(text.trimEnd()),
    })
}

function report(error: unknown, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.usage
  const { code, message, hint, exitCode, stack } = tellError(error)
  const { red, dim } = terminal.wordColors
  terminal.printJson({ error: { code, message, ...(hint === undefined ? {} : { hint }) }, exitCode })
  const shownCode = code.startsWith('ERR_') ? dim(` (${code})`) : ''
  terminal.say(`${red('error:')} ${message}${shownCode}`)
  if (hint !== undefined) terminal.say(`  ${hint}`)
  terminal.sayVerbose(stack)
  return exitCode
}
