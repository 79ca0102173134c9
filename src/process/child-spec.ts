/** What a supervisor must know about a child, and the check of it. */

import { DEFAULT_SHUTDOWN_MS, restartMistakes, shutdownMistakes, type Shutdown } from './children.ts'
import { isDefinition, type Definition } from './definition.ts'
import { notABound, notAName, notOneOf, refuse, shown, unknownOptions } from './mistakes.ts'

const RESTARTS = ['permanent', 'transient', 'temporary'] as const
const STRATEGIES = ['oneForOne', 'restForOne', 'oneForAll'] as const
const SUPERVISOR_OPTIONS = ['strategy', 'children', 'maxChildren', 'maxRestarts', 'maxSeconds', 'autoShutdown']
const CHILD_OPTIONS = ['id', 'start', 'name', 'restart', 'shutdown', 'trapExits', 'significant']
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
  /** How many children may run; `startChild` and `restartChild` refuse one more. Default: `Infinity`. */
  readonly maxChildren?: number | undefined
  /** Restarts allowed within `maxSeconds`; one more ends the supervisor with `shutdown`. Default: 3. */
  readonly maxRestarts?: number | undefined
  /** Default: 5. */
  readonly maxSeconds?: number | undefined
  /** Default: `never`. */
  readonly autoShutdown?: AutoShutdown | undefined
}

/** Throws `ERR_BAD_OPTIONS`, naming every mistake. */
export function checkSupervisorOptions(options: SupervisorOptions): void {
  if (typeof options !== 'object' || options === null)
    refuse('a supervisor', [`expected options, got ${shown(options)}`])
  const { strategy, children, maxChildren = Number.POSITIVE_INFINITY, autoShutdown = 'never' } = options
  refuse('a supervisor', [
    ...unknownOptions('a supervisor', options, SUPERVISOR_OPTIONS),
    ...notOneOf('strategy', strategy, STRATEGIES),
    ...notOneOf('autoShutdown', autoShutdown, AUTO_SHUTDOWNS),
    ...restartMistakes(options),
    ...notABound('maxChildren', maxChildren, 0),
    ...(Array.isArray(children)
      ? childrenMistakes(children, maxChildren, autoShutdown)
      : [`children must be an array, not ${shown(children)}`]),
  ])
}

function childrenMistakes(
  children: readonly ChildSpec[],
  maxChildren: number,
  autoShutdown: AutoShutdown,
): readonly string[] {
  const ids = children.map((spec) => spec?.id)
  const mistakes = children.flatMap((spec) => childSpecMistakes(spec, autoShutdown))
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) {
    mistakes.push(`two children have the id ${shown(id)}; give each its own`)
  }
  if (children.length > maxChildren)
    mistakes.push(`there are ${children.length} children, and maxChildren is ${maxChildren}`)
  return mistakes
}

/** Throws `ERR_BAD_OPTIONS`, naming every mistake in one child's spec. */
export function checkChildSpec(spec: ChildSpec, autoShutdown: AutoShutdown): void {
  refuse('a child', childSpecMistakes(spec, autoShutdown))
}

function childSpecMistakes(spec: ChildSpec, autoShutdown: AutoShutdown): string[] {
  if (typeof spec !== 'object' || spec === null) return [`a child must be a spec with id and start, not ${shown(spec)}`]
  const { id, start, name, restart = 'permanent', shutdown = DEFAULT_SHUTDOWN_MS, significant = false } = spec
  const mistakes = [
    ...unknownOptions('a child', spec, CHILD_OPTIONS),
    ...notOneOf('restart', restart, RESTARTS),
    ...shutdownMistakes(shutdown),
    ...notAName('name', name),
  ]
  if (typeof id !== 'string' || id === '') mistakes.push(`id must be a text that is not empty, not ${shown(id)}`)
  if (!isDefinition(start)) mistakes.push(`start must be a definition, not ${shown(start)}`)
  if (significant && restart === 'permanent')
    mistakes.push('a permanent child cannot be significant: its end is never final')
  if (significant && autoShutdown === 'never') mistakes.push('a significant child needs a supervisor with autoShutdown')
  return mistakes.map((mistake) => `child ${shown(id)}: ${mistake}`)
}
