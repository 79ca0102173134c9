/** `millrace metrics`: what attempts came to over time. */

import { Command } from 'commander'

import type { LatencyFigures, Metrics, MetricsFigures } from '../../index.ts'
import { EXIT, type ExitCode } from '../exit-codes.ts'
import { addDatabaseOption } from '../job-filter.ts'
import { withDataRunner, type DataOptions } from '../open-runner.ts'
import { formatTable, type Column } from '../output/table.ts'
import { durationText } from '../output/time-text.ts'
import type { Launch, Session } from '../session.ts'

interface MetricsFlags extends DataOptions {
  readonly queue?: string | undefined
  readonly name?: string | undefined
  readonly since?: string | undefined
  readonly step?: string | undefined
}

/** Makes the command. */
export function metricsCommand(launch: Launch): Command {
  const command = new Command('metrics')
    .description('show what ended, failed, waited and ran, by job name')
    .option('--queue <queue>', 'only jobs of this queue')
    .option('--name <name>', 'only jobs of this name')
    .option('--since <duration>', 'from so long ago, such as 1h, 7d or 30d', '1h')
    .option('--step <duration>', 'how long a point of the JSON document covers')
  return addDatabaseOption(command).action((flags: MetricsFlags) => launch((session) => showMetrics(session, flags)))
}

async function showMetrics(session: Session, flags: MetricsFlags): Promise<ExitCode> {
  const { terminal } = session
  const { queue, name, since, step } = flags
  return withDataRunner(session, flags, async ({ runner }) => {
    const metrics = await runner.metrics({ queue, name, since, step })
    terminal.printJson({ ...metrics })
    if (metrics.jobs.length === 0) {
      terminal.say(`nothing ended in the last ${since}; workers write what they counted every ten seconds`)
      return EXIT.ok
    }
    const right = { align: 'right' as const }
    const columns: Column[] = [
      { title: 'JOB' },
      { title: 'QUEUE' },
      { title: 'ENDED', ...right },
      { title: 'PER S', ...right },
      { title: 'RETRIED', ...right },
      { title: 'FAILED', ...right },
      { title: 'WAIT P50', ...right },
      { title: 'P95', ...right },
      { title: 'P99', ...right },
      { title: 'RUN P50', ...right },
      { title: 'P95', ...right },
      { title: 'P99', ...right },
    ]
    terminal.print(
      ...formatTable(columns, rowsOf(metrics), { width: terminal.width, paintHeader: terminal.colors.dim }),
    )
    return EXIT.ok
  })
}

function rowsOf({ jobs, total }: Metrics): string[][] {
  const rows = jobs.map((job) => [job.name, job.queue, ...cellsOf(job)])
  return jobs.length > 1 ? [...rows, ['(all)', '', ...cellsOf(total)]] : rows
}

function cellsOf(figures: MetricsFigures): string[] {
  const { attempts, perSecond, retry, failed, discarded, wait, run } = figures
  const counts = [attempts, Number(perSecond.toPrecision(2)), retry, failed + discarded].map(String)
  return [...counts, ...latencyCells(wait), ...latencyCells(run)]
}

function latencyCells({ p50, p95, p99 }: LatencyFigures): string[] {
  return [p50, p95, p99].map((ms) => (ms === null ? '-' : durationText(ms)))
}
