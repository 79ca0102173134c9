/** `millrace doctor`: one line for each check of the database and its workers. A problem is exit code 1. */

import { Command } from 'commander'

import type { Finding } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withRunnerToDiagnose, type DataOptions } from '../open-runner.ts'
import { cleanLine } from '../output/clean-text.ts'
import type { Colors } from '../output/terminal.ts'
import type { Launch, Session } from '../session.ts'

interface DoctorFlags extends DataOptions {
  readonly thorough?: boolean | undefined
}

/** Makes the command. */
export function doctorCommand(launch: Launch): Command {
  return addDatabaseOption(
    new Command('doctor').description('look for what is wrong with the database and its workers'),
  )
    .option('--thorough', 'make the checks that read the whole database too')
    .action((flags: DoctorFlags) => launch((session) => doctor(session, flags)))
}

async function doctor(session: Session, flags: DoctorFlags): Promise<ExitCode> {
  const { terminal } = session
  return withRunnerToDiagnose(session, flags, async ({ runner, database }) => {
    const findings = await runner.diagnose({ thorough: flags.thorough })
    const problems = countOf(findings, 'problem')
    const warnings = countOf(findings, 'warning')
    terminal.printJson({ database: database ?? null, problems, warnings, findings })
    terminal.print(...findingLines(findings, terminal.colors))
    terminal.say(`${database ?? 'the database'}: ${summary(problems, warnings)}`)
    return problems > 0 ? EXIT.failed : EXIT.ok
  })
}

/** One line for each finding; nothing is cut, because what to do comes last. */
export function findingLines(findings: readonly Finding[], colors: Pick<Colors, 'green' | 'yellow' | 'red'>): string[] {
  const paint = { ok: colors.green, warning: colors.yellow, problem: colors.red }
  const width = Math.max(...findings.map(({ check }) => check.length))
  return findings.map(({ check, level, found, advice }) => {
    const text = cleanLine(advice === null ? found : `${found}; ${advice}`)
    return `${paint[level](level.padEnd('problem'.length))}  ${check.padEnd(width)}  ${text}`
  })
}

function summary(problems: number, warnings: number): string {
  if (problems + warnings === 0) return 'all is well'
  const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
  return `${count(problems, 'problem')}, ${count(warnings, 'warning')}`
}

function countOf(findings: readonly Finding[], wanted: Finding['level']): number {
  return findings.filter(({ level }) => level === wanted).length
}
