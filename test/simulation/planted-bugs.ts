/** Deliberate bugs, each a store around a good one: a simulation that found none of them would prove nothing. */

import { storeError } from '../../src/store/errors.ts'
import type { PlantedBug } from './faulty-store.ts'

/** Makes each bug anew, by what is wrong: some remember what happened. */
export const PLANTED_BUGS = {
  'an ack does not look at the lease': () => {
    const leases = new Map<string, string>()
    return {
      inside: (store) => ({
        ...store,
        claimJobs: async (request) => {
          const answer = await store.claimJobs(request)
          for (const { id, lease } of answer.jobs) leases.set(id, lease)
          return answer
        },
        ackJobs: async (acks) => store.ackJobs(acks.map((ack) => ({ ...ack, lease: leases.get(ack.id) ?? ack.lease }))),
      }),
    }
  },
  'a rescue does not look whether the node has beaten since': () => ({
    inside: (store) => ({ ...store, rescueNode: (request) => store.rescueNode({ ...request, beatSeq: null }) }),
  }),
  'a give-back loses the job': () => ({
    inside: (store) => ({
      ...store,
      giveBackJobs: async (held) => {
        const answer = await store.giveBackJobs(held)
        await store.deleteJobs({ ids: held.map(({ id }) => id) })
        return answer
      },
    }),
  }),
  'a give-back charges the attempt': () => ({
    inside: (store) => ({
      ...store,
      giveBackJobs: (held) =>
        store.ackJobs(
          held.map(({ id, lease }) => ({
            id,
            lease,
            attempt: 1,
            ending: { type: 'retry', delayMs: 0, error: { name: 'Error', message: 'given back' } },
            runMs: null,
            endedAgoMs: 0,
            progress: null,
            logs: [],
            isKept: true,
          })),
        ),
    }),
  }),
  'a start is not written down': () => ({
    inside: (store) => ({ ...store, markStarted: async () => ({ stale: [] }) }),
  }),
  'a batch of acks is dropped when the store fails': () => ({
    outside: (store) => ({
      ...store,
      ackJobs: (acks) => store.ackJobs(acks).catch(() => ({ stale: [], cancelled: [] })),
    }),
  }),
  'what a claim took whose answer was lost is not given back': () => ({ isForgetful: true }),
  'a stale ack passes for one that was taken': () => ({
    outside: (store) => ({ ...store, ackJobs: async (acks) => ({ ...(await store.ackJobs(acks)), stale: [] }) }),
  }),
  'a node does not notice that it is not heard': () => ({
    outside: (store) => ({ ...store, silenceMs: () => 0 }),
  }),
  'a node neither hears nor notices that it was declared dead': () => ({
    outside: (store) => ({
      ...store,
      silenceMs: () => 0,
      claimJobs: async (request) => ({ ...(await store.claimJobs(request)), isFenced: false }),
      readOrders: async (node) => ({ ...(await store.readOrders(node)), isKnown: true }),
    }),
  }),
  'an enqueue is confirmed before it is stored': () => ({
    outside: (store) => ({
      ...store,
      insertJobs: async (jobs) => {
        store.insertJobs(jobs).catch(() => {})
        return jobs.map(({ id }) => ({ id, status: 'created' }))
      },
    }),
  }),
  'an enqueue whose outcome is unknown passes for refused': () => ({
    outside: (store) => ({
      ...store,
      insertJobs: (jobs) =>
        store.insertJobs(jobs).catch((error: unknown) => {
          throw storeError('ERR_STORE_UNAVAILABLE', 'the enqueue failed', error)
        }),
    }),
  }),
} satisfies Readonly<Record<string, () => PlantedBug>>

/** What is wrong. */
export type PlantedBugName = keyof typeof PLANTED_BUGS
