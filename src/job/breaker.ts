/**
 * The circuit breaker: a pure automaton that says whether jobs of a name, or of a key, may be claimed.
 *
 *              too many calls of the window failed            it was open long enough
 *     closed ────────────────────────────────────▶ open ───────────────────────────────▶ half-open
 *       ▲                                           ▲ │                                   │  │
 *       │                                           │ └──── an operator closes it         │  │
 *       │                                           └─────────── a probe failed ──────────┘  │
 *       └──────────────────────────────── as many probes passed as were asked for ───────────┘
 *
 * An operator may hold it open or closed (its mode), which ends when it is set to `auto` again: one that was held open goes
 * to half-open then, so that probes tell whether it may close.
 *
 * The state is kept in the store and changed only there, one event after the other, each against the version that was read.
 * So it is legal whatever nodes do at the same time, and a restart changes nothing. Times are milliseconds since 1970 by the
 * store's clock.
 */

/** Every state of a breaker. */
export const BREAKER_STATES = ['closed', 'open', 'half-open'] as const

/** One of {@link BREAKER_STATES}. */
export type BreakerState = (typeof BREAKER_STATES)[number]

/** Whether the automaton decides, or an operator holds it open or closed. */
export type BreakerMode = 'auto' | 'open' | 'closed'

/** Which breaker: that of a job name, or of a key, in one queue. */
export interface BreakerId {
  readonly queue: string
  readonly by: 'name' | 'key'
  /** The name or the key. */
  readonly subject: string
}

/** When a breaker opens, and how it closes again. */
export interface BreakerSettings {
  /** It opens when this share of the calls in the window failed: above 0, at most 1. */
  readonly errorRate: number
  readonly windowMs: number
  /** With fewer calls in the window it does not open. */
  readonly minimumCalls: number
  /** How long it stays open before probes are let through. */
  readonly openForMs: number
  /** How many probes run at the same time at most, over all nodes, and how many must pass before it closes. */
  readonly probes: number
}

/** A change of the state, as it is remembered and told. */
export interface BreakerChange {
  /** The version that it made. */
  readonly version: number
  readonly at: number
  readonly from: BreakerState
  readonly to: BreakerState
  /** Why, as a sentence without a full stop. */
  readonly reason: string
  /** How many calls were in the window, or how many probes had ended, and how many of them failed. */
  readonly calls: number
  readonly failures: number
}

/** Calls that ended within one slice of the window. */
interface Slice {
  readonly at: number
  readonly calls: number
  readonly failures: number
}

/** A job that was let through half-open, and the lease under which it was. */
export interface BreakerProbe {
  readonly id: string
  readonly lease: string
}

/** A breaker. */
export interface Breaker {
  readonly state: BreakerState
  readonly mode: BreakerMode
  /** When probes may be let through; null while it is not open, and while an operator holds it open. */
  readonly openUntil: number | null
  /** Grows with every change of any of this; 0 is new. */
  readonly version: number
  /** When the state or the mode changed last; null when they never did. */
  readonly changedAt: number | null
  /** Those of the node that reported last; null when no node has, because its queue has no breaker of its own. */
  readonly settings: BreakerSettings | null
  readonly slices: readonly Slice[]
  /** The probes under way. */
  readonly probes: readonly BreakerProbe[]
  readonly passed: number
  /** The last changes of the state, oldest first. */
  readonly changes: readonly BreakerChange[]
}

/** How a call ended, as a breaker sees it. `none`: it says nothing, as after a snooze. */
export type CallOutcome = 'passed' | 'failed' | 'none'

/** What may happen to a breaker. */
export type BreakerEvent =
  /** Calls ended on a node. */
  | {
      readonly type: 'counted'
      readonly settings: BreakerSettings
      readonly calls: number
      readonly failures: number
    }
  /** Somebody wants to know whether it was open long enough. */
  | { readonly type: 'due' }
  /** Jobs were claimed as probes; never more than {@link freeProbes}. */
  | { readonly type: 'admitted'; readonly probes: readonly BreakerProbe[] }
  /** Probes are not held under their lease any more, and did not end: their node died, or gave them back. */
  | { readonly type: 'lost'; readonly probes: readonly BreakerProbe[] }
  /** A probe ended. */
  | { readonly type: 'probed'; readonly probe: BreakerProbe; readonly outcome: CallOutcome }
  /** An operator holds it, or lets it go. `who` and `why` are for the sentence. */
  | { readonly type: 'set'; readonly mode: BreakerMode; readonly who: string; readonly why: string | null }

/** A breaker that nothing has happened to. */
export const NEW_BREAKER: Breaker = {
  state: 'closed',
  mode: 'auto',
  openUntil: null,
  version: 0,
  changedAt: null,
  settings: null,
  slices: [],
  probes: [],
  passed: 0,
  changes: [],
}

/** The window moves on in so many steps. */
export const WINDOW_SLICES = 10

/** So many changes of a breaker's state are remembered. */
const MOST_CHANGES = 20

/** What becomes of a breaker by an event; the very same object when nothing does. */
export function stepBreaker(breaker: Breaker, event: BreakerEvent, now: number): Breaker {
  const next = change(breaker, event, now)
  return next === breaker ? breaker : { ...next, version: breaker.version + 1 }
}

/** How many more jobs may be let through as probes now. */
export function freeProbes({ state, settings, probes, passed }: Breaker): number {
  return state === 'half-open' && settings !== null ? Math.max(0, settings.probes - passed - probes.length) : 0
}

/** Whether claims leave its jobs out. */
export function isBlocking({ state }: Pick<Breaker, 'state'>): boolean {
  return state !== 'closed'
}

/** The calls in the window, and how many of them failed. */
export function callsInWindow({ slices, settings }: Breaker, now: number): { calls: number; failures: number } {
  const since = now - (settings?.windowMs ?? 0)
  let calls = 0
  let failures = 0
  for (const slice of slices) {
    if (slice.at <= since) continue
    calls += slice.calls
    failures += slice.failures
  }
  return { calls, failures }
}

/** A text for each breaker, to be compared. */
export function breakerKey({ queue, by, subject }: BreakerId): string {
  return `${by} ${queue}\n${subject}`
}

/** How a breaker is called in sentences. */
export function breakerTitle({ queue, by, subject }: BreakerId): string {
  return `the breaker of ${by === 'name' ? 'job' : 'key'} "${subject}" in queue "${queue}"`
}

function change(breaker: Breaker, event: BreakerEvent, now: number): Breaker {
  switch (event.type) {
    case 'counted':
      return count(breaker, event, now)
    case 'due':
      if (breaker.state !== 'open' || breaker.openUntil === null || breaker.openUntil > now) return breaker
      return enter(breaker, 'half-open', {
        now,
        reason: `it was open for ${seconds(breaker.settings?.openForMs ?? 0)}`,
      })
    case 'admitted':
      if (event.probes.length === 0) return breaker
      return { ...breaker, probes: [...breaker.probes, ...event.probes.slice(0, freeProbes(breaker))] }
    case 'lost': {
      const probes = breaker.probes.filter((probe) => !event.probes.some((lost) => isSame(lost, probe)))
      return probes.length === breaker.probes.length ? breaker : { ...breaker, probes }
    }
    case 'probed':
      return probed(breaker, event.probe, event.outcome, now)
    case 'set':
      return set(breaker, event, now)
  }
}

function count(breaker: Breaker, event: BreakerEvent & { readonly type: 'counted' }, now: number): Breaker {
  const { settings, calls, failures } = event
  const known = isSameSettings(breaker.settings, settings) ? breaker : { ...breaker, settings }
  // While it is not closed only probes count, and while an operator holds it closed nothing does.
  if (breaker.state !== 'closed' || breaker.mode !== 'auto' || calls <= 0) return known
  const counted = { ...known, slices: addToWindow(breaker.slices, { at: now, calls, failures }, settings.windowMs) }
  const sum = callsInWindow(counted, now)
  if (sum.calls < settings.minimumCalls || sum.failures < settings.errorRate * sum.calls) return counted
  const reason = `${sum.failures} of ${sum.calls} calls failed within ${seconds(settings.windowMs)}`
  return enter(counted, 'open', { now, reason, ...sum })
}

function probed(breaker: Breaker, probe: BreakerProbe, outcome: CallOutcome, now: number): Breaker {
  const probes = breaker.probes.filter((one) => !isSame(one, probe))
  if (probes.length === breaker.probes.length) return breaker
  const rest = { ...breaker, probes }
  if (breaker.state !== 'half-open' || outcome === 'none') return rest
  const { passed } = breaker
  if (outcome === 'failed') {
    const reason = `a probe failed${passed === 0 ? '' : `, after ${passed} that passed`}`
    return enter(rest, 'open', { now, reason, calls: passed + 1, failures: 1 })
  }
  const enough = breaker.settings?.probes ?? 1
  if (passed + 1 < enough) return { ...rest, passed: passed + 1 }
  const reason = enough === 1 ? 'the probe passed' : `${enough} probes passed`
  return enter(rest, 'closed', { now, reason, calls: enough, failures: 0 })
}

function set(breaker: Breaker, event: BreakerEvent & { readonly type: 'set' }, now: number): Breaker {
  const { mode, who, why } = event
  // That somebody did this is a change of its own, whatever it does to the state.
  const held = { ...breaker, mode, changedAt: now }
  const reason = (what: string): string => `${who} ${what}${why === null ? '' : `: ${why}`}`
  switch (mode) {
    case 'open':
      if (breaker.state === 'open') return { ...held, openUntil: null }
      return { ...enter(held, 'open', { now, reason: reason('opened it') }), openUntil: null }
    case 'closed':
      if (breaker.state === 'closed') return { ...held, slices: [] }
      return enter(held, 'closed', { now, reason: reason('closed it') })
    case 'auto':
      if (breaker.state !== 'open') return { ...held, slices: [] }
      // Without settings nobody could judge a probe.
      return breaker.settings === null
        ? enter(held, 'closed', { now, reason: reason('let it go') })
        : enter(held, 'half-open', { now, reason: reason('let it go') })
  }
}

interface Entry {
  readonly now: number
  readonly reason: string
  readonly calls?: number
  readonly failures?: number
}

/** The one place where the state changes. */
function enter(breaker: Breaker, to: BreakerState, { now, reason, calls = 0, failures = 0 }: Entry): Breaker {
  const openForMs = breaker.settings?.openForMs ?? 0
  const made: BreakerChange = {
    version: breaker.version + 1,
    at: now,
    from: breaker.state,
    to,
    reason,
    calls,
    failures,
  }
  return {
    ...breaker,
    state: to,
    openUntil: to === 'open' ? now + openForMs : null,
    changedAt: now,
    slices: [],
    probes: [],
    passed: 0,
    changes: [...breaker.changes, made].slice(-MOST_CHANGES),
  }
}

/** Without what is older than the window. A slice is as long as a tenth of it. */
function addToWindow(slices: readonly Slice[], added: Slice, windowMs: number): readonly Slice[] {
  const sliceMs = Math.max(1, windowMs / WINDOW_SLICES)
  const recent = slices.filter(({ at }) => at > added.at - windowMs)
  const last = recent.at(-1)
  // A clock that was set back must not keep anything for ever.
  const kept = last !== undefined && last.at > added.at ? [] : recent
  if (last === undefined || kept.length === 0 || added.at - last.at >= sliceMs) return [...kept, added]
  const { at, calls, failures } = last
  return [...kept.slice(0, -1), { at, calls: calls + added.calls, failures: failures + added.failures }]
}

function isSame(a: BreakerProbe, b: BreakerProbe): boolean {
  return a.id === b.id && a.lease === b.lease
}

function isSameSettings(a: BreakerSettings | null, b: BreakerSettings): boolean {
  return (
    a !== null &&
    a.errorRate === b.errorRate &&
    a.windowMs === b.windowMs &&
    a.minimumCalls === b.minimumCalls &&
    a.openForMs === b.openForMs &&
    a.probes === b.probes
  )
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${Math.round(ms / 100) / 10} s`
}
