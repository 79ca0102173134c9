/**
 * GenStage: measured from a checkout, which is compiled into a temporary folder, when the program `elixir` is there. Else what
 * it once reached on another machine stands in its columns, and nothing is compared with that.
 */

import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

import type { Competitor } from './competitor.ts'

const SCRIPT = fileURLToPath(new URL('./genstage.exs', import.meta.url))

/** Two ways to run the virtual machine: as it comes, and on one core, where nobody waits in a loop for work. */
const VARIANTS = [
  { name: 'genstage', args: [], settings: 'as many schedulers as cores, the default' },
  { name: 'genstage-1', args: ['--erl', '+S 1:1'], settings: 'one scheduler' },
] as const

export const genStageNames: readonly string[] = VARIANTS.map(({ name }) => name)

/** Millions of events per CPU second of GenStage 1.3.2 on OTP 25, two cores of an AMD EPYC, other work running. */
const RECORDED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  genstage: {
    'direct, 1000': 19.7,
    'direct, 10': 3,
    'direct, 1': 0.48,
    'chain, 1000': 10.5,
    'chain, 10': 1,
    'chain, 1': 0.15,
    'spread, 1000': 19.8,
    'spread, 10': 2.9,
    'spread, 1': 0.52,
  },
  'genstage-1': {
    'direct, 1000': 19.6,
    'direct, 10': 2.9,
    'direct, 1': 0.5,
    'chain, 1000': 10.8,
    'chain, 10': 1.3,
    'chain, 1': 0.2,
    'spread, 1000': 19.5,
    'spread, 10': 2.8,
    'spread, 1': 0.36,
  },
}

/** What was recorded of a cell, in events per CPU second. */
export function recordedOf(name: string, cell: string): number | undefined {
  const millions = RECORDED[name]?.[cell]
  return millions === undefined ? undefined : millions * 1_000_000
}

/**
 * Compiles a checkout.
 *
 * @throws an error that says what is missing.
 */
export async function genStage(checkout: string | undefined): Promise<readonly Competitor[]> {
  if (checkout === undefined) throw new Error('no checkout was given by --gen-stage; its figures are recorded ones')
  const { stdout } = await execute('elixir', ['--version']).catch((error: unknown) => {
    throw new Error('the program elixir does not run; its figures are recorded ones', { cause: error })
  })
  const elixir = stdout.match(/^(Erlang\S* \d+|Elixir [\d.]+)/gm) ?? []
  const sources = readdirSync(join(checkout, 'lib'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ex'))
    .map((name) => resolve(checkout, 'lib', name))
  const version = /@version "(.+)"/.exec(readFileSync(join(checkout, 'mix.exs'), 'utf8'))?.[1] ?? 'of unknown version'
  const compiled = mkdtempSync(join(tmpdir(), 'millrace-bench-genstage-'))
  process.once('exit', () => rmSync(compiled, { recursive: true, force: true }))
  await execute('elixirc', ['-o', compiled, ...sources])
  return VARIANTS.map(({ name, args, settings }) => ({
    name,
    versions: [`GenStage ${version}`, ...elixir],
    settings: `${settings}; max_demand as given, min_demand by default half of it`,
    cannot: {},
    program: ({ topology, maxDemand }, { cpuMs }) => ({
      file: 'elixir',
      args: [...args, '-pa', compiled, SCRIPT, ...[topology.steps, topology.consumers, maxDemand, cpuMs].map(String)],
    }),
  }))
}

const execute = promisify(execFile)
