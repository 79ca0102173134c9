/** What a worker tells while it runs: a line for each attempt that ended, and a line when something is wrong. */

import type { JobExceptionEvent, JobStopEvent, Runner } from '../../index.ts'
import { unreachable } from '../../host/errors.ts'
import { tellError } from '../cli-error.ts'
import { cleanLine } from '../output/clean-text.ts'
import { errorLine } from '../output/job-text.ts'
import { durationText } from '../output/time-text.ts'
import type { Colors, Terminal } from '../output/terminal.ts'
import type { Session } from '../session.ts'

/** Prints a line for each attempt that ended. */
export function tellJobs({ terminal }: Session, runner: Runner): void {
  const tell = (event: JobStopEvent | JobExceptionEvent): void => {
    terminal.printJson({ event: 'job', ...event })
    terminal.print(jobLine(event, terminal.colors))
  }
  runner.on('job:stop', tell)
  runner.on('job:exception', tell)
}

/** One line: what became of which job, how long it ran and waited; and how to see why when it did not complete. */
export function jobLine(event: JobStopEvent | JobExceptionEvent, colors: Colors): string {
  const { id, name, queue, attempt, waitMs, runMs, error } = event
  const ran = runMs === null ? 'did not run' : `ran ${durationText(runMs)}`
  const times = colors.dim(`${ran}, waited ${durationText(waitMs)}`)
  const place = queue === 'default' ? '' : colors.dim(` in ${queue}`)
  const which = `${cleanLine(name === '' ? '(a job that cannot be read)' : name, 80)}${place}`
  const line = `${outcomeText(event, colors)}  ${which}  ${times}  ${colors.dim(id)}`
  if (error === undefined) return line
  const tries = event.outcome === 'retry' ? ` (attempt ${attempt}, it is tried again)` : ''
  return `${line}  ${errorLine(error)}${tries}  ${colors.dim(`why: millrace show ${id}`)}`
}

function outcomeText({ outcome }: JobStopEvent | JobExceptionEvent, colors: Colors): string {
  const text = outcome.padEnd(9)
  switch (outcome) {
    case 'completed':
      return colors.green(text)
    case 'failed':
    case 'discarded':
      return colors.red(text)
    case 'retry':
      return colors.yellow(text)
    case 'snoozed':
    case 'cancelled':
      return colors.dim(text)
    default:
      return unreachable(outcome)
  }
}

/** The same trouble is told again only after this long. */
const REPEAT_AFTER_MS = 30_000
/** So many different troubles are told apart. */
const MOST_TROUBLES = 100

/** Says what is wrong, as long as it is, but not over and over. */
export function tellTroubles({ terminal, clock }: Session, runner: Runner): void {
  const toldAt = new Map<string, number>()
  const warn = (text: string): void => {
    const last = toldAt.get(text)
    if (last !== undefined && clock.monotonic() - last < REPEAT_AFTER_MS) return
    if (toldAt.size >= MOST_TROUBLES) toldAt.clear()
    toldAt.set(text, clock.monotonic())
    terminal.say(`${terminal.wordColors.yellow('warning:')} ${text}`)
  }
  runner.on('store:error', ({ error }) => warn(`the store failed, and is asked again: ${messageOf(error)}`))
  runner.on('node:fenced', ({ reason }) =>
    warn(
      reason === 'declared-dead'
        ? 'others took this worker for dead and run its jobs; it goes on as a new one'
        : 'this worker could not say for too long that it lives, so others may run its jobs; it goes on as a new one',
    ),
  )
  runner.on('job:stuck', ({ id, name, runMs, stuck }) =>
    warn(
      `a handler of ${cleanLine(name, 80)} goes on after ${durationText(runMs)} although it was told to stop (${stuck} in all): ${id}`,
    ),
  )
  runner.on('queue:crash', ({ queue, reason, againInMs }) =>
    warn(
      `the stages of queue "${queue}" crashed (${messageOf(reason)}); they start again in ${durationText(againInMs)}`,
    ),
  )
  runner.on('node:rescue', ({ node, requeued, failed, cancelled }) => {
    const jobs = requeued.length + failed.length + cancelled.length
    if (jobs > 0) tellRescue(terminal, node, jobs)
  })
}

function tellRescue(terminal: Terminal, node: string, jobs: number): void {
  terminal.say(`freed ${jobs} ${jobs === 1 ? 'job' : 'jobs'} of node ${cleanLine(node, 60)}, which is dead`)
}

function messageOf(error: unknown): string {
  return cleanLine(tellError(error).message, 300)
}
