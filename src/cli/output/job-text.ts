/** Jobs for people. */

import type { ErrorRecord, Forensics, JobInfo, JobState, JobSummary } from '../../index.ts'
import { unreachable } from '../../host/errors.ts'
import { isoTime } from '../../host/time.ts'
import { jsonText } from '../../job/json-text.ts'
import { cleanLine, cleanText } from './clean-text.ts'
import { durationText, relativeText } from './time-text.ts'
import type { Column } from './table.ts'
import type { Colors } from './terminal.ts'

const LONGEST_VALUE = 2_000

/** Colours a text by the state that it belongs to. */
export function paintState(state: JobState, text: string, colors: Colors): string {
  switch (state) {
    case 'completed':
      return colors.green(text)
    case 'failed':
      return colors.red(text)
    case 'running':
      return colors.cyan(text)
    case 'cancelled':
      return colors.dim(text)
    case 'scheduled':
    case 'queued':
      return text
    default:
      return unreachable(state)
  }
}

/** An error in one line: its message, with its name where that says something. */
export function errorLine(error: ErrorRecord, most: number = 160): string {
  const isPlain = error.name === 'Error' || error.name === ''
  return cleanLine(isPlain ? error.message : `${error.name}: ${error.message}`, most)
}

/** A value of a job in one line. */
export function valueLine(value: unknown, most: number = LONGEST_VALUE): string {
  return value === undefined ? 'undefined' : cleanLine(jsonText(value), most)
}

/** The columns of {@link jobRow}. */
export function jobColumns(colors: Colors): readonly Column[] {
  const paint = (cell: string): string => paintState(cell.trim() as JobState, cell, colors)
  return [
    { title: 'ID' },
    { title: 'STATE', paint },
    { title: 'NAME' },
    { title: 'QUEUE' },
    { title: 'ATTEMPT', align: 'right' },
    { title: 'WHEN' },
    { title: 'ARGS' },
  ]
}

/** A job as a row of a table. */
export function jobRow(job: JobSummary, now: number): string[] {
  const { id, state, name, queue, attempt, maxAttempts } = job
  return [id, state, name, queue, `${attempt}/${maxAttempts}`, whenText(job, now), valueLine(job.args, 80)]
}

/** What matters most of a job's times. */
function whenText({ state, createdAt, dueAt, startedAt, endedAt }: JobSummary, now: number): string {
  if (state === 'scheduled') return relativeText(dueAt.getTime(), now)
  return relativeText((endedAt ?? startedAt ?? createdAt).getTime(), now)
}

/** Everything about a job, in lines. */
export function jobLines(job: JobInfo, now: number, colors: Colors): string[] {
  const time = (at: Date | null): string =>
    at === null ? '' : `${isoTime(at.getTime())}  (${relativeText(at.getTime(), now)})`
  const facts: readonly (readonly [string, string])[] = [
    ['state', paintState(job.state, job.state, colors)],
    ['queue', job.queue],
    ['attempt', `${job.attempt} of ${job.maxAttempts}`],
    ['priority', job.priority === 0 ? '' : String(job.priority)],
    ['key', job.key === null ? '' : cleanLine(job.key)],
    ['tags', job.tags.map((tag) => cleanLine(tag)).join(', ')],
    ['args', valueLine(job.args)],
    ['created', time(job.createdAt)],
    ['due', job.dueAt.getTime() === job.createdAt.getTime() ? '' : time(job.dueAt)],
    ['started', time(job.startedAt)],
    ['ended', time(job.endedAt)],
    ['progress', job.progress === null ? '' : `${Math.round(job.progress * 100)} %`],
    ['result', job.state === 'completed' ? valueLine(job.result) : ''],
    ['error', job.error === null ? '' : errorLine(job.error, LONGEST_VALUE)],
    ['trace', cleanLine(job.trace?.['traceparent'] ?? '')],
    ['alike', job.fingerprint === undefined ? '' : cleanLine(job.fingerprint)],
  ]
  return [
    `${colors.bold(cleanLine(job.name))}  ${job.id}`,
    ...facts.filter(([, value]) => value !== '').map(([fact, value]) => `  ${fact.padEnd(9)}${value}`),
    ...job.attempts.flatMap((attempt) => attemptLines(attempt, colors)),
    ...(job.forensics === undefined ? [] : forensicsLines(job.forensics, colors)),
  ]
}

/** What the node knew when the job failed. */
function forensicsLines(
  { death, node, load, memory, held, queues, recentErrors, timing }: Forensics,
  colors: Colors,
): string[] {
  const megabytes = (bytes: number): string => `${Math.round(bytes / 1_048_576)} MB`
  // What is not known is left out.
  const told = (...parts: readonly (string | null)[]): string[] => {
    const known = parts.filter((part) => part !== null)
    return known.length === 0 ? [] : [known.join(', ')]
  }
  const of = <Value>(value: Value | null, text: (value: Value) => string): string | null =>
    value === null ? null : text(value)
  const averages = load.averages?.map((average) => average.toFixed(2)).join(' ') ?? null
  const ran = timing.runMs === null ? 'never began' : `ran ${durationText(timing.runMs)}`
  const lines = [
    ...(death === null ? [] : [deathLine(death)]),
    ...told(
      `node ${node.id}, pid ${node.pid} on ${node.host}`,
      of(node.uptimeMs, (ms) => `up ${durationText(ms)}`),
      of(node.version, (version) => `millrace ${version}`),
      of(node.nodeVersion, (version) => `Node.js ${version}`),
    ),
    ...told(
      of(averages, (text) => `load ${text} on ${load.cpus ?? 'unknown'} CPUs`),
      of(load.loopLagMs, (ms) => `event loop late by ${durationText(ms)}`),
    ),
    ...told(
      of(memory.residentBytes, (bytes) => `memory ${megabytes(bytes)}`),
      of(memory.heapUsedBytes, (bytes) => `heap ${megabytes(bytes)} of ${megabytes(memory.heapLimitBytes ?? 0)}`),
      of(memory.freeBytes, (bytes) => `machine ${megabytes(bytes)} free of ${megabytes(memory.totalBytes ?? 0)}`),
    ),
    ...told(
      `held ${held.jobs} jobs`,
      of(held.handlers, (handlers) => `${handlers} handlers`),
      of(held.stuck, (stuck) => `${stuck} stuck`),
      of(held.outbox, (outbox) => `${outbox} ends not written`),
    ),
    `waited ${durationText(timing.waitMs)}, ${ran}`,
    ...queues.map(
      ({ queue, depth, running, concurrency, buffered }) =>
        `queue ${queue}: ${depth ?? 'unknown'} waiting, ${running} of ${concurrency} running, ${buffered} buffered`,
    ),
    ...recentErrors.map(
      ({ name, message, agoMs, id }) => `before, ${durationText(agoMs)}: ${errorLine({ name, message })} (${id})`,
    ),
  ]
  return ['  when it failed', ...lines.map((line) => colors.dim(`    ${cleanLine(line, LONGEST_VALUE)}`))]
}

function deathLine({ silentMs, crashes, foundBy }: NonNullable<Forensics['death']>): string {
  const silence = silentMs === null ? '' : `, nothing was heard of it for ${durationText(silentMs)}`
  const finder = foundBy === null ? '' : `, found by node ${foundBy}`
  const times = crashes === 1 ? 'one crash' : `${crashes} crashes`
  return `its process had died${silence}${finder}; the job was running in ${times}; what follows is what the process told last`
}

function attemptLines(attempt: JobInfo['attempts'][number], colors: Colors): string[] {
  const { startedAt, endedAt, error, logs } = attempt
  const ran =
    startedAt !== null && endedAt !== null ? `, ran ${durationText(endedAt.getTime() - startedAt.getTime())}` : ''
  const began = startedAt === null ? 'not begun' : isoTime(startedAt.getTime())
  const node = attempt.node === null ? '' : `, node ${attempt.node}`
  const outcome = error === undefined ? '' : `: ${colors.red(errorLine(error, LONGEST_VALUE))}`
  return [
    `  attempt ${attempt.attempt}  ${began}${ran}${colors.dim(node)}${outcome}`,
    ...(error === undefined ? [] : stackLines(error).map((line) => colors.dim(`    ${line}`))),
    ...logs.map((line) => `    log: ${cleanLine(line)}`),
  ]
}

/** The frames of an error and of its causes, without the messages that are told already. */
function stackLines(error: ErrorRecord): string[] {
  const frames = cleanText(error.stack ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('at '))
  if (error.cause === undefined) return frames
  return [...frames, `caused by ${errorLine(error.cause, LONGEST_VALUE)}`, ...stackLines(error.cause)]
}
