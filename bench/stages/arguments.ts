/** The command line of `npm run bench:stages`. */

import { parseArgs } from 'node:util'

import { chosen, roundsIn } from '../arguments.ts'
import { maxDemands, topologies, type Cell } from './cell.ts'

export const USAGE = `usage: npm run bench:stages -- [options]
  --quick              short: about a minute, and proves nothing
  --only A,B           only these topologies
  --max-demand A,B     only these
  --contenders A,B     only these contenders
  --gen-stage FOLDER   a checkout of GenStage to measure beside, with the program elixir; else its figures are recorded ones
  --rounds N           interleaved rounds, of which the median counts; default 3, with --quick 1
  --out FOLDER         where the report is written as Markdown and JSON; default .millrace/bench
  --profile            also a CPU profile of every process that runs Node, in profiles/ of that folder; slows all`

export interface StageBenchArguments {
  readonly isQuick: boolean
  readonly cells: readonly Cell[]
  readonly contenders: readonly string[]
  readonly genStage: string | undefined
  readonly rounds: number
  readonly isProfiled: boolean
  readonly out: string
}

/**
 * Reads the arguments.
 *
 * @throws an error that names what is wrong and what there is.
 */
export function readStageArguments(args: readonly string[], contenders: readonly string[]): StageBenchArguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      'max-demand': { type: 'string' },
      contenders: { type: 'string' },
      'gen-stage': { type: 'string' },
      rounds: { type: 'string' },
      profile: { type: 'boolean', default: false },
      out: { type: 'string', default: '.millrace/bench' },
    },
  })
  const names = topologies.map(({ name }) => name)
  const wantedTopologies = chosen('topology', values.only, names)
  const wantedDemands = chosen('max demand', values['max-demand'], maxDemands.map(String))
  return {
    isQuick: values.quick,
    cells: topologies
      .filter(({ name }) => wantedTopologies.includes(name))
      .flatMap((topology) => wantedDemands.map((text) => ({ topology, maxDemand: Number(text) }))),
    contenders: chosen('contender', values.contenders, contenders),
    genStage: values['gen-stage'],
    rounds: roundsIn(values),
    isProfiled: values.profile,
    out: values.out,
  }
}
