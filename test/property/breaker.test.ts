/** The circuit breaker under any order of what several nodes do, each of which may have read it long ago. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  freeProbes,
  NEW_BREAKER,
  stepBreaker,
  type Breaker,
  type BreakerEvent,
  type BreakerProbe,
  type BreakerSettings,
} from '../../src/job/breaker.ts'
import { decodeBreaker, encodeBreaker } from '../../src/store/breaker-content.ts'

const SETTINGS: BreakerSettings = { errorRate: 0.5, windowMs: 1_000, minimumCalls: 3, openForMs: 200, probes: 2 }

/** Which changes there are, and whether the automaton makes them by itself or an operator does. */
const LEGAL: Readonly<Record<string, 'anybody' | 'operator'>> = {
  'closed open': 'anybody',
  'open half-open': 'anybody',
  'half-open open': 'anybody',
  'half-open closed': 'anybody',
  'open closed': 'operator',
}

type Step =
  | { readonly do: 'read'; readonly node: number }
  | { readonly do: 'write'; readonly node: number; readonly what: 'count' | 'due' | 'admit' | 'end' | 'lose' | 'set' }
  | { readonly do: 'restart'; readonly node: number }
  | { readonly do: 'wait'; readonly ms: number }

const node = fc.nat(2)
const step: fc.Arbitrary<Step & { readonly pick: number }> = fc
  .tuple(
    fc.oneof(
      fc.record({ do: fc.constant('read' as const), node }),
      {
        weight: 4,
        arbitrary: fc.record({
          do: fc.constant('write' as const),
          node,
          what: fc.constantFrom('count', 'count', 'due', 'admit', 'admit', 'end', 'end', 'lose', 'set'),
        }),
      },
      fc.record({ do: fc.constant('restart' as const), node }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 300 }) }),
    ),
    fc.nat(1_000),
  )
  .map(([made, pick]) => ({ ...(made as Step), pick }))

/** A stored breaker that is written only by who knows its version; everything goes through its stored form. */
class Stored {
  breaker: Breaker = NEW_BREAKER

  read(): Breaker {
    return decodeBreaker(encodeBreaker(this.breaker))
  }

  /** Compare and swap. */
  write(before: Breaker, after: Breaker): boolean {
    if (before.version !== this.breaker.version) return false
    this.breaker = decodeBreaker(encodeBreaker(after))
    return true
  }
}

/** What a node would do about a breaker that it has read. */
function eventFor(what: string, breaker: Breaker, pick: number, lease: string): BreakerEvent {
  const probes: readonly BreakerProbe[] = breaker.probes
  const probe = probes[pick % Math.max(1, probes.length)] ?? { id: 'nobody', lease }
  switch (what) {
    case 'count':
      return { type: 'counted', settings: SETTINGS, calls: 1 + (pick % 3), failures: pick % 2 === 0 ? 1 : 0 }
    case 'admit':
      // Greedy: it is the automaton that keeps the bound.
      return {
        type: 'admitted',
        probes: [
          { id: `job-${pick}`, lease },
          { id: `other-${pick}`, lease },
          { id: `third-${pick}`, lease },
        ],
      }
    case 'end':
      return { type: 'probed', probe, outcome: (['passed', 'failed', 'none'] as const)[pick % 3] ?? 'none' }
    case 'lose':
      return { type: 'lost', probes: [probe] }
    case 'set':
      return {
        type: 'set',
        mode: (['auto', 'auto', 'open', 'closed'] as const)[pick % 4] ?? 'auto',
        who: 'ana',
        why: null,
      }
    default:
      return { type: 'due' }
  }
}

describe('a circuit breaker that three nodes share', () => {
  it('makes legal changes only, keeps the bound of its probes, and loses no write, in any order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const stored = new Stored()
        const views: Breaker[] = [stored.read(), stored.read(), stored.read()]
        let now = 0
        let writes = 0
        for (const { pick, ...one } of steps) {
          if (one.do === 'wait') {
            now += one.ms
            continue
          }
          if (one.do !== 'write') {
            views[one.node] = stored.read()
            continue
          }
          const before = views[one.node] ?? NEW_BREAKER
          const event = eventFor(one.what, before, pick, String(pick))
          const after = stepBreaker(before, event, now)
          const truth = stored.breaker
          if (after === before) continue
          expect(after.version).toBe(before.version + 1)
          if (!stored.write(before, after)) {
            // Somebody was faster: it changed nothing, and the node reads again.
            expect(stored.breaker).toBe(truth)
            views[one.node] = stored.read()
            continue
          }
          writes += 1
          views[one.node] = stored.read()
          if (before.state !== after.state) {
            const legal = LEGAL[`${before.state} ${after.state}`]
            expect(legal, `${before.state} to ${after.state}`).toBeDefined()
            if (legal === 'operator') expect(event.type).toBe('set')
            expect(after.changes.at(-1)).toMatchObject({ from: before.state, to: after.state, at: now })
            // It opens by itself only for a reason, and lets probes through only in its time.
            if (event.type === 'due') expect(before.openUntil ?? Infinity).toBeLessThanOrEqual(now)
          }
          expect(after.probes.length + after.passed).toBeLessThanOrEqual(SETTINGS.probes)
          if (after.state !== 'half-open') expect(after.probes).toEqual([])
          expect(freeProbes(after)).toBeGreaterThanOrEqual(0)
          expect(after.openUntil !== null).toBe(after.state === 'open' && after.mode === 'auto')
          if (after.mode === 'open') expect(after.state).toBe('open')
          if (after.mode === 'closed') expect(after.state).toBe('closed')
        }
        expect(stored.breaker.version).toBe(writes)
        const changes = stored.breaker.changes
        for (const [index, change] of changes.entries()) {
          if (index > 0) expect(change.from).toBe(changes[index - 1]?.to)
        }
        expect(changes.at(-1)?.to ?? 'closed').toBe(stored.breaker.state)
      }),
      { numRuns: 500 },
    )
  })

  it('comes back to closed when what it protects does, wherever it stands', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        let breaker = NEW_BREAKER
        let now = 0
        for (const { pick, ...one } of steps) {
          if (one.do === 'wait') now += one.ms
          if (one.do === 'write') breaker = stepBreaker(breaker, eventFor(one.what, breaker, pick, 'l'), now)
        }
        const event = { type: 'set', mode: 'auto', who: 'ana', why: null } as const
        breaker = stepBreaker(breaker, event, now)
        breaker = stepBreaker(breaker, { type: 'counted', settings: SETTINGS, calls: 1, failures: 0 }, now)
        now += SETTINGS.openForMs
        breaker = stepBreaker(breaker, { type: 'due' }, now)
        breaker = stepBreaker(breaker, { type: 'lost', probes: breaker.probes }, now)
        for (let round = 0; round < SETTINGS.probes && breaker.state === 'half-open'; round++) {
          const probe = { id: `last-${round}`, lease: 'l' }
          breaker = stepBreaker(breaker, { type: 'admitted', probes: [probe] }, now)
          breaker = stepBreaker(breaker, { type: 'probed', probe, outcome: 'passed' }, now)
        }
        expect(breaker.state).toBe('closed')
      }),
      { numRuns: 300 },
    )
  })
})
