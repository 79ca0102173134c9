/**
 * Random histories of the store contract, with the protocol as oracle: each command is given to the store and to the rows of
 * the model, and answers and rows have to agree.
 *
 * Commands name jobs, claims and nodes by numbers that are taken modulo what there is, so that a history that is shrunk still
 * means something. Held jobs stay known after they were let go: that is where stale and repeated writes come from.
 */

import fc from 'fast-check'
import { expect } from 'vitest'
import type { AttemptEnding, HeldJob, RescueAnswer, Store } from '../../src/store/store.ts'
import { eventually } from '../support/eventually.ts'
import { ackOf, aJob, anId, aNode, aProblem } from '../support/store-jobs.ts'
import * as protocol from './protocol.ts'
import type { Ending, Row } from './protocol.ts'

/** What the model knows. */
interface Model {
  readonly rows: Map<string, Row>
  /** Every claim that was ever made, by whom; a lease is never forgotten. */
  readonly claims: (HeldJob & { readonly attempt: number; readonly node: number })[]
  /** Acks that were sent; a repeated one is the same again. */
  readonly acks: { readonly claim: number; readonly ending: Ending }[]
  readonly nodes: string[]
}

/** The store under test, and the queue that is this history's own. */
interface Real {
  readonly store: Store
  readonly queue: string
}

type Command = fc.AsyncCommand<Model, Real>

const WORDS: Readonly<Record<Ending, AttemptEnding>> = {
  completed: { type: 'completed', result: null, error: null },
  failed: { type: 'failed', error: aProblem },
  cancelled: { type: 'cancelled', error: { name: 'JobCancelledError', message: 'no need' } },
  retry: { type: 'retry', delayMs: 0, error: aProblem },
  snoozed: { type: 'snoozed', delayMs: 0 },
}

/** Makes a command; one that is given nothing to work on does not run. */
function command(words: string, check: (model: Readonly<Model>) => boolean, run: Command['run']): Command {
  return { check, run, toString: () => words }
}

const at = <T>(list: readonly T[], number: number): T => {
  const item = list[number % list.length]
  if (item === undefined) throw new Error('checked: the list is not empty')
  return item
}

function rowOf(model: Model, id: string): Row {
  const row = model.rows.get(id)
  if (row === undefined) throw new Error(`the model knows every job, but not ${id}`)
  return row
}

function enqueue(maxAttempts: number, isLater: boolean): Command {
  return command(
    `enqueue(maxAttempts ${maxAttempts}${isLater ? ', due soon' : ''})`,
    () => true,
    async (model, { store, queue }) => {
      const id = anId()
      await store.insertJobs([aJob({ id, queue, maxAttempts, due: isLater ? { delayMs: 1 } : null })])
      model.rows.set(id, protocol.newRow(maxAttempts, isLater ? 'scheduled' : 'queued'))
    },
  )
}

function claim(node: number, count: number): Command {
  return command(
    `claim(node ${node}, ${count})`,
    () => true,
    async (model, { store, queue }) => {
      const ready = [...model.rows].flatMap(([id, { state }]) =>
        state === 'queued' || state === 'scheduled' ? [id] : [],
      )
      const expected = Math.min(count, ready.length)
      const who = node % model.nodes.length
      const taken: string[] = []
      // What is due in a millisecond, or was handed back behind a claim's back, may take another look.
      await eventually(
        async () => {
          const wants = [{ queue, count: Math.max(1, expected - taken.length) }]
          const answer = await store.claimJobs({ node: at(model.nodes, node), wants })
          expect(answer.isFenced).toBe(false)
          for (const job of answer.jobs) {
            const row = rowOf(model, job.id)
            expect(ready).toContain(job.id)
            const claimed = protocol.claim(row, job.lease)
            expect({ attempt: job.attempt, crashes: job.crashes }).toEqual({
              attempt: claimed.attempt,
              crashes: claimed.crashes,
            })
            // A random lease is new; one lease stands for one claim.
            expect(model.claims.some(({ id, lease }) => id === job.id && lease === job.lease)).toBe(false)
            model.rows.set(job.id, claimed)
            model.claims.push({ id: job.id, lease: job.lease, attempt: job.attempt, node: who })
            taken.push(job.id)
          }
          return taken.length === expected
        },
        { withinMs: 2_000 },
      )
    },
  )
}

const hasClaims = ({ claims }: Readonly<Model>): boolean => claims.length > 0

function markStarted(number: number): Command {
  return command(`markStarted(claim ${number})`, hasClaims, async (model, { store }) => {
    const held = at(model.claims, number)
    const { row, answer } = protocol.markStarted(rowOf(model, held.id), held)
    const { stale } = await store.markStarted([{ id: held.id, lease: held.lease }])
    expect(stale).toEqual(answer === 'stale' ? [held.id] : [])
    model.rows.set(held.id, row)
  })
}

/** Acks several claims in one call, as the batches of a worker do. */
function ack(picks: readonly (readonly [number, Ending])[]): Command {
  const words = picks.map(([number, ending]) => `claim ${number} ${ending}`).join(', ')
  return command(`ack(${words})`, hasClaims, async (model, { store }) => {
    const sent: { readonly claim: number; readonly ending: Ending }[] = []
    for (const [number, ending] of picks) {
      const index = number % model.claims.length
      if (!sent.some((other) => at(model.claims, other.claim).id === at(model.claims, index).id)) {
        sent.push({ claim: index, ending })
      }
    }
    await sendAcks(model, store, sent)
  })
}

function repeatAck(number: number): Command {
  return command(
    `repeat(ack ${number})`,
    ({ acks }) => acks.length > 0,
    (model, { store }) => sendAcks(model, store, [at(model.acks, number)]),
  )
}

async function sendAcks(model: Model, store: Store, sent: Model['acks']): Promise<void> {
  const stale: string[] = []
  const cancelled: string[] = []
  const acks = sent.map(({ claim: index, ending }) => {
    const held = at(model.claims, index)
    const { row, answer } = protocol.ack(rowOf(model, held.id), held, ending)
    if (answer === 'stale') stale.push(held.id)
    if (answer === 'cancelled' || answer === 'repeated-cancelled') cancelled.push(held.id)
    model.rows.set(held.id, row)
    return ackOf(held, WORDS[ending])
  })
  const answer = await store.ackJobs(acks)
  expect({ stale: [...answer.stale].sort(), cancelled: [...answer.cancelled].sort() }).toEqual({
    stale: stale.sort(),
    cancelled: cancelled.sort(),
  })
  model.acks.push(...sent)
}

function giveBack(number: number): Command {
  return command(`giveBack(claim ${number})`, hasClaims, async (model, { store }) => {
    const held = at(model.claims, number)
    const { row, answer } = protocol.giveBack(rowOf(model, held.id), held)
    const { stale } = await store.giveBackJobs([{ id: held.id, lease: held.lease }])
    expect(stale).toEqual(answer === 'stale' ? [held.id] : [])
    model.rows.set(held.id, row)
  })
}

/** The node is taken for dead, whether it is or not; another one takes its place. */
function rescue(number: number): Command {
  return command(
    `rescue(node ${number})`,
    () => true,
    async (model, { store, queue }) => {
      const index = number % model.nodes.length
      const node = at(model.nodes, index)
      const record = (await store.readNodes()).find(({ id }) => id === node)
      const quarantineAfter = protocol.QUARANTINE_AFTER
      const answer = await store.rescueNode({ node, beatSeq: record?.beatSeq ?? -1, quarantineAfter })
      const expected = { requeued: [] as string[], failed: [] as string[], cancelled: [] as string[] }
      for (const held of model.claims) {
        const row = rowOf(model, held.id)
        if (held.node !== index || row.lease !== held.lease) continue
        const rescued = protocol.rescue(row)
        model.rows.set(held.id, rescued)
        if (rescued.state === 'failed' || rescued.state === 'cancelled') expected[rescued.state].push(held.id)
        else expected.requeued.push(held.id)
      }
      expect(sorted(answer)).toEqual(sorted(expected))
      expect((await store.claimJobs({ node, wants: [{ queue, count: 1 }] })).isFenced).toBe(true)
      model.nodes[index] = await register(store, queue)
    },
  )
}

function sorted(answer: Omit<RescueAnswer, 'quarantined'> | null): unknown {
  if (answer === null) return null
  const { requeued, failed, cancelled } = answer
  return { requeued: [...requeued].sort(), failed: [...failed].sort(), cancelled: [...cancelled].sort() }
}

/** An operator's verb about one job, which may be in any state. */
function operate(verb: 'retry' | 'cancel' | 'delete', number: number): Command {
  return command(
    `${verb}(job ${number})`,
    ({ rows }) => rows.size > 0,
    async (model, { store }) => {
      const [id, row] = at([...model.rows], number)
      const next = OPERATIONS[verb](row)
      const target = { ids: [id] }
      const answer = await (verb === 'retry'
        ? store.retryJobs(target)
        : verb === 'cancel'
          ? store.cancelJobs(target)
          : store.deleteJobs(target))
      expect(answer.changed).toEqual(next === null ? [] : [id])
      if (next === 'gone') forget(model, id)
      else if (next !== null) model.rows.set(id, next)
    },
  )
}

/** What becomes of the row; null when nothing does. */
const OPERATIONS: Readonly<Record<'retry' | 'cancel' | 'delete', (row: Row) => Row | 'gone' | null>> = {
  retry: protocol.retry,
  cancel: protocol.cancel,
  delete: ({ state }) => (state === 'running' ? null : 'gone'),
}

/** A deleted job leaves the model with its claims: nothing is left that a write about it could be compared with. */
function forget(model: Model, id: string): void {
  model.rows.delete(id)
  const kept = model.claims.map((held, index) => ({ held, index })).filter(({ held }) => held.id !== id)
  const places = new Map(kept.map(({ index }, place) => [index, place]))
  const acks = model.acks.flatMap(({ claim: index, ending }) => {
    const place = places.get(index)
    return place === undefined ? [] : [{ claim: place, ending }]
  })
  model.claims.splice(0, Infinity, ...kept.map(({ held }) => held))
  model.acks.splice(0, Infinity, ...acks)
}

const number = fc.nat({ max: 40 })
const ending = fc.constantFrom<Ending>('completed', 'failed', 'cancelled', 'retry', 'snoozed')

/** Histories of up to `length` commands. */
export function histories(length: number): fc.Arbitrary<Iterable<Command>> {
  return fc.commands(
    [
      fc.tuple(fc.integer({ min: 1, max: 3 }), fc.boolean()).map(([attempts, isLater]) => enqueue(attempts, isLater)),
      fc.tuple(number, fc.integer({ min: 1, max: 5 })).map(([node, count]) => claim(node, count)),
      number.map(markStarted),
      fc.array(fc.tuple(number, ending), { minLength: 1, maxLength: 5 }).map(ack),
      number.map(repeatAck),
      number.map(giveBack),
      number.map(rescue),
      fc.tuple(fc.constantFrom('retry', 'cancel', 'delete'), number).map(([verb, job]) => operate(verb, job)),
    ],
    { maxCommands: length, size: 'max' },
  )
}

async function register(store: Store, queue: string): Promise<string> {
  const node = aNode({ queues: [queue] })
  await store.registerNode(node)
  return node.id
}

let made = 0

/** Gives one history to a store and to the model; throws where they differ. */
export async function judge(store: Store, commands: Iterable<Command>): Promise<void> {
  made += 1
  const queue = `history-${made}`
  const nodes = [await register(store, queue), await register(store, queue)]
  const model: Model = { rows: new Map(), claims: [], acks: [], nodes }
  await fc.asyncModelRun(() => ({ model, real: { store, queue } }), commands)
  for (const [id, row] of model.rows) {
    const details = await store.readJob(id)
    const { state, attempt, crashes } = details?.job ?? {}
    // A job becomes queued when it is due, which no command waits for.
    const seen = state === 'scheduled' && row.state === 'queued' ? 'queued' : state
    const expected = row.state === 'scheduled' && seen === 'queued' ? 'queued' : row.state
    expect({ id, state: seen, attempt, crashes }).toEqual({
      id,
      state: expected,
      attempt: row.attempt,
      crashes: isLive(row) ? row.crashes : crashes,
    })
  }
  for (const node of model.nodes) await store.retireNode(node)
}

/** Of an ended job the crashes are told only for people. */
function isLive(row: Row): boolean {
  return !protocol.isEnded(row)
}
