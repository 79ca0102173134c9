/** What is written down of the verbs that the database has carried out: words for the log, and news for the history. */

import type { CoreVerb, VerbAnswer, VerbArgs } from '../../src/store/sqlite/core.ts'
import type { HeldJob } from '../../src/store/store.ts'
import type { History } from './history.ts'
import type { Machine } from './machine.ts'

interface Watched<V extends CoreVerb> {
  readonly history: History
  readonly machine: Machine
  readonly args: VerbArgs<V>
  readonly answer: VerbAnswer<V>
}

interface Watch<V extends CoreVerb> {
  /** Undefined when nothing has changed. */
  readonly words: (verb: Watched<V>) => string | undefined
  readonly tell: (verb: Watched<V>) => void
}

const WATCHES: { readonly [V in CoreVerb]?: Watch<V> } = {
  insertJobs: {
    words: ({ history, answer }) => answer.map(({ id, status }) => `${history.short(id)} ${status}`).join(', '),
    tell: ({ history, args: [jobs], answer }) => history.inserted(jobs, answer),
  },
  claimJobs: {
    words: ({ history, answer: { jobs, isFenced } }) => {
      if (isFenced) return 'fenced'
      if (jobs.length === 0) return undefined
      return jobs.map((job) => `${held(history, job)} attempt ${job.attempt}`).join(', ')
    },
    tell: ({ history, args: [{ node }], answer }) => history.claimed(node, answer),
  },
  markStarted: {
    words: ({ history, args: [jobs], answer }) => fenced(history, jobs, answer.stale),
    tell: ({ history, args: [jobs], answer }) => history.started(jobs, answer),
  },
  recordProgress: {
    words: ({ history, args: [notes], answer }) => fenced(history, notes, answer.stale),
    tell: ({ history, args: [notes], answer }) => history.noted(notes, answer),
  },
  ackJobs: {
    words: ({ history, args: [acks], answer: { stale } }) =>
      acks.map((ack) => `${held(history, ack)} ${ack.ending.type}${stale.includes(ack.id) ? ' stale' : ''}`).join(', '),
    tell: ({ history, args: [acks], answer }) => history.acked(acks, answer),
  },
  giveBackJobs: {
    words: ({ history, args: [jobs], answer }) => fenced(history, jobs, answer.stale),
    tell: ({ history, args: [jobs], answer }) => history.givenBack(jobs, answer),
  },
  rescueNode: {
    words: ({ history, args: [{ node }], answer }) => {
      const title = history.short(node)
      if (answer === null) return `${title}: not dead`
      const parts = [`requeued ${list(history, answer.requeued)}`]
      if (answer.failed.length > 0) parts.push(`failed ${list(history, answer.failed)}`)
      if (answer.cancelled.length > 0) parts.push(`cancelled ${list(history, answer.cancelled)}`)
      return `${title}: ${parts.join('; ')}`
    },
    tell: ({ history, args: [request], answer }) => history.rescued(request, answer),
  },
  registerNode: {
    words: ({ history, args: [{ id }] }) => history.short(id),
    tell: ({ history, machine, args: [{ id }] }) => history.registered(id, machine),
  },
  retireNode: {
    words: ({ history, args: [node] }) => history.short(node),
    tell: ({ history, args: [node] }) => history.retired(node),
  },
  retryJobs: {
    words: ({ history, answer }) => list(history, answer.changed),
    tell: ({ history, answer }) => history.retried(answer),
  },
  cancelJobs: {
    words: ({ history, answer }) => list(history, answer.changed),
    tell: ({ history, answer }) => history.cancelled(answer),
  },
}

/** Writes down what a verb did; its words first, so that what they are about stands above what is wrong with it. */
export function watch<V extends CoreVerb>(verb: V, watched: Watched<V>, note: (words: string) => void): void {
  // The table has under each verb a watch of that verb.
  const found = WATCHES[verb] as Watch<V> | undefined
  const words = found?.words(watched)
  if (words !== undefined) note(words)
  found?.tell(watched)
}

function held(history: History, { id, lease }: HeldJob): string {
  return `${history.short(id)}/${history.short(lease)}`
}

function fenced(history: History, jobs: readonly HeldJob[], stale: readonly string[]): string {
  return jobs.map((job) => `${held(history, job)}${stale.includes(job.id) ? ' stale' : ''}`).join(', ')
}

function list(history: History, ids: readonly string[]): string {
  return ids.length === 0 ? 'nothing' : ids.map((id) => history.short(id)).join(' ')
}
