/** The check of what a stage's function returned. Every mistake is named: option, bound and value. */

import { RunnerError } from '../host/errors.ts'
import { shown } from '../process/mistakes.ts'
import type { StageKind } from './stage-ref.ts'

const CALLBACKS = ['handleCall', 'handleCast', 'handleInfo', 'handleSubscribe', 'handleCancel', 'terminate']
const EMITTER_OPTIONS = ['dispatcher', 'bufferSize', 'bufferKeep', 'handleDiscarded']

/** What each kind may return; functions are told by their names. */
const OPTIONS: Readonly<Record<StageKind, readonly string[]>> = {
  producer: [...CALLBACKS, ...EMITTER_OPTIONS, 'demand', 'handleDemand'],
  producerConsumer: [...CALLBACKS, ...EMITTER_OPTIONS, 'subscribeTo', 'handleEvents'],
  consumer: [...CALLBACKS, 'subscribeTo', 'handleEvents'],
  consumerSupervisor: [...CALLBACKS, 'subscribeTo', 'handleEvents'],
}

const DISPATCHER_FUNCTIONS = ['init', 'subscribe', 'cancel', 'ask', 'dispatch', 'capacity']

/** Throws `ERR_BAD_OPTIONS`, naming every mistake. */
export function checkStageOptions(kind: StageKind, title: string, returned: unknown): void {
  const mistakes = isRecord(returned) ? mistakesOf(kind, returned) : [`expected its callbacks, got ${shown(returned)}`]
  if (mistakes.length > 0) throw new RunnerError('ERR_BAD_OPTIONS', `bad options of ${title}: ${mistakes.join('; ')}`)
}

function mistakesOf(kind: StageKind, options: Readonly<Record<string, unknown>>): readonly string[] {
  const allowed = OPTIONS[kind]
  const required = kind === 'producer' ? 'handleDemand' : 'handleEvents'
  const mistakes: string[] = []
  if (options[required] === undefined) mistakes.push(`a ${kind} needs ${required}`)
  for (const [option, value] of Object.entries(options)) {
    if (!allowed.includes(option)) mistakes.push(`a ${kind} has no option "${option}" (it has ${allowed.join(', ')})`)
    else if (value !== undefined) mistakes.push(...mistakesIn(option, value))
  }
  return mistakes
}

function mistakesIn(option: string, value: unknown): readonly string[] {
  switch (option) {
    case 'bufferSize': {
      const isSize =
        typeof value === 'number' && (Number.isInteger(value) || value === Number.POSITIVE_INFINITY) && value >= 0
      return isSize ? [] : [`bufferSize must be an integer >= 0 or Infinity, not ${shown(value)}`]
    }
    case 'bufferKeep':
      return value === 'first' || value === 'last' ? [] : [`bufferKeep must be 'first' or 'last', not ${shown(value)}`]
    case 'demand':
      return value === 'forward' || value === 'accumulate'
        ? []
        : [`demand must be 'forward' or 'accumulate', not ${shown(value)}`]
    case 'subscribeTo':
      return Array.isArray(value) ? [] : [`subscribeTo must be an array, not ${shown(value)}`]
    case 'dispatcher': {
      const missing = isRecord(value)
        ? DISPATCHER_FUNCTIONS.filter((name) => typeof value[name] !== 'function')
        : DISPATCHER_FUNCTIONS
      return missing.length === 0 ? [] : [`dispatcher lacks ${missing.join(', ')}`]
    }
    default:
      return typeof value === 'function' ? [] : [`${option} must be a function, not ${shown(value)}`]
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
