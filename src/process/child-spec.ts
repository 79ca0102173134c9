/** What a supervisor must know about a child, and the check of it. */

import { RunnerError } from '../host/errors.ts'
import type { Shutdown } from './children.ts'
import type { Definition } from './runtime.ts'

const RESTARTS = ['permanent', 'transient', 'temporary'] as const
const STRATEGIES = ['oneForOne', 'restForOne', 'oneForAll'] as const
const AUTO_SHUTDOWNS = ['never', 'anySignificant', 'allSignificant'] as const

/** When a child that ended is started again: always, after an abnormal end, or never. */
export type RestartType = (typeof RESTARTS)[number]

/** Who is restarted with a child: nobody, those started after it, or all. */
export type SupervisorStrategy = (typeof STRATEGIES)[number]

/** Whether the end of a significant child, or of the last one, ends the supervisor with `shutdown`. */
export type AutoShutdown = (typeof AUTO_SHUTDOWNS)[number]

/** One child of a supervisor. */
export interface ChildSpec {
  /** Unique in its supervisor. */
  readonly id: string
  /** What to start; a restart starts it anew, with fresh state. */
  readonly start: Definition
  /** The name to run under, for those who look for it. Default: none. */
  readonly name?: string | undefined
  /** Default: `permanent`. */
  readonly restart?: RestartType | undefined
  /**
   * How long the child may take to end, in milliseconds, before it is killed. `brutalKill` kills at once: for children whose
   * handlers may hang. Default: 5000, and `infinity` for supervisors.
   */
  readonly shutdown?: Shutdown | undefined
  /**
   * Whether a shutdown is a message to the child: it ends after its running callback and the mail before, and `terminate` runs.
   * Otherwise a shutdown ends it at once. Default: `false`, and `true` for supervisors.
   */
  readonly trapExits?: boolean | undefined
  /** Whether this child's own end counts for `autoShutdown`; never with `restart: 'permanent'`. Default: `false`. */
  readonly significant?: boolean | undefined
}

/** Options of a supervisor. */
export interface SupervisorOptions {
  /** Who is restarted with a child that ended. */
  readonly strategy: SupervisorStrategy
  /** Started in this order, stopped in reverse. */
  readonly children: readonly ChildSpec[]
  /** Restarts allowed within `maxSeconds`; one more ends the supervisor with `shutdown`. Default: 3. */
  readonly maxRestarts?: number | undefined
  /** Default: 5. */
  readonly maxSeconds?: number | undefined
  /** Default: `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
}

/** Throws `ERR_BAD_OPTIONS`, naming every mistake. */
export function checkSupervisorOptions(options: SupervisorOptions): void {
  const { strategy, children, maxRestarts = 3, maxSeconds = 5, autoShutdown = 'never' } = options
  const mistakes = [
    ...expectOneOf('strategy', strategy, STRATEGIES),
    ...expectOneOf('autoShutdown', autoShutdown, AUTO_SHUTDOWNS),
    ...(Number.isInteger(maxRestarts) && maxRestarts >= 0
      ? []
      : [`maxRestarts must be an integer >= 0, not ${maxRestarts}`]),
    ...(maxSeconds > 0 ? [] : [`maxSeconds must be a number > 0, not ${maxSeconds}`]),
    ...children.flatMap((spec) => childSpecMistakes(spec, autoShutdown)),
    ...children
      .filter((spec, index) => children.findIndex(({ id }) => id === spec.id) !== index)
      .map(({ id }) => `two children have the id "${id}"; give each its own`),
  ]
  refuse('supervisor', mistakes)
}

/** Throws `ERR_BAD_OPTIONS`, naming every mistake in one child's spec. */
export function checkChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown): void {
  refuse('child', childSpecMistakes(spec, autoShutdown))
}

function childSpecMistakes(spec: ChildSpec, autoShutdown: AutoShutdown): readonly string[] {
  const { id, restart = 'permanent', shutdown = 5000, significant = false } = spec
  const where = `child "${id}": `
  const mistakes = [...expectOneOf('restart', restart, RESTARTS)]
  if (typeof id !== 'string' || id === '') mistakes.push('id must be a text that is not empty')
  if (typeof shutdown === 'number' ? !(shutdown >= 0) : shutdown !== 'infinity' && shutdown !== 'brutalKill') {
    mistakes.push(`shutdown must be milliseconds >= 0, 'infinity' or 'brutalKill', not ${String(shutdown)}`)
  }
  if (significant && restart === 'permanent')
    mistakes.push('a permanent child cannot be significant: its end is never final')
  if (significant && autoShutdown === 'never') mistakes.push('a significant child needs a supervisor with autoShutdown')
  return mistakes.map((mistake) => where + mistake)
}

function expectOneOf(option: string, value: string, allowed: readonly string[]): string[] {
  return allowed.includes(value) ? [] : [`${option} must be one of ${allowed.join(', ')}, not ${value}`]
}

function refuse(what: string, mistakes: readonly string[]): void {
  if (mistakes.length > 0) throw new RunnerError('ERR_BAD_OPTIONS', `bad options of a ${what}: ${mistakes.join('; ')}`)
}
