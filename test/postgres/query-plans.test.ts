import { randomUUID } from 'node:crypto'

import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { Database, type Db, type Lane } from '../../src/store/postgres/database.ts'
import { addressOf } from '../../src/store/postgres/postgres-address.ts'
import { migrateSchema } from '../../src/store/postgres/schema.ts'
import { ackJobs } from '../../src/store/postgres/statements/ack-jobs.ts'
import { parkKeptBack, RELEASE_LIMIT, releaseParked, setBreaker } from '../../src/store/postgres/statements/breakers.ts'
import { claimJobs, claimProbes } from '../../src/store/postgres/statements/claim-jobs.ts'
import { giveBackJobs, markStarted, readHeld } from '../../src/store/postgres/statements/held-jobs.ts'
import { insertJobsWithCare, insertNewJobs } from '../../src/store/postgres/statements/insert-jobs.ts'
import { readOrders, registerNode } from '../../src/store/postgres/statements/nodes.ts'
import { promoteJobs, unparkJobs } from '../../src/store/postgres/statements/promote-jobs.ts'
import { readEndings } from '../../src/store/postgres/statements/read-jobs.ts'
import { rescueNode } from '../../src/store/postgres/statements/rescue-node.ts'
import { parkJobs, readPlaces, STEP_LIMIT } from '../../src/store/postgres/statements/step-over.ts'
import type { Ack, AttemptEnding } from '../../src/store/store.ts'
import { ExplainingDb } from '../support/explaining-db.ts'
import { postgresDatabase } from '../support/postgres-database.ts'
import { ackOf, anId, aNode, anOrder, aProblem, jobs } from '../support/store-jobs.ts'

const { url } = await postgresDatabase()
const COUNT = 100
/** Enough for all that a batch is about, and for what earlier tests have undone. */
const FEW = 10 * COUNT
const node = aNode({ id: '00000000-0000-4000-8000-00000000000a' })
const FROM_THE_START = { isRescan: true, levels: [] }
const BREAKER = { queue: 'q', by: 'name', subject: 'mail.other' } as const
/** What a claim knows of breakers while none is open. */
const NO_BREAKERS = { breakers: 0, keptBack: null }

/** What looks like a table in use: most jobs are ready, the others are to come, due now, parked, or have ended. */
const FILL = `
  insert into millrace.job (name, queue, args, priority, seq, due_at, parked)
  select case when i % 10 = 9 then 'mail.other' else 'mail.ping' end, 'q', '[1]', 0,
    case when i % 10 < 6 then nextval('millrace.job_seq') end,
    millrace.now_ms() + case when i % 10 in (6, 7, 8) and i % 1000 > 10 then 3600000 else 0 end,
    case i % 20 when 9 then 'no-worker' when 19 then 'breaker' end
  from generate_series(1, $1::integer) i`

const FILL_HISTORY = `
  insert into millrace.history (id, state, priority, attempt, max_attempts, crashes, due_at, created_at, started_at, ended_at, queue,
    name, args, args_codec, tags)
  select gen_random_uuid(), 'completed', 0, 1, 3, 0, 0, 0, 0, i, 'q', 'mail.ping', '[1]', 'json', '{}' from generate_series(1, $1::integer) i`

interface Session {
  readonly label: string
  readonly settings: string | null
}

const AS_THE_STORE: Session = { label: 'with the settings of the store', settings: null }
/** What is left when nothing may be set on a connection and each statement is planned for its values. */
const AS_BEHIND_A_POOLER: Session = {
  label: 'as behind a pooler',
  settings: 'set local enable_seqscan = on; set local plan_cache_mode = force_custom_plan; set local jit = on',
}

const database = new Database(addressOf(url, 'millrace'))

/** Runs a verb and undoes it; answers the statements that it executed. */
async function explained(lane: Lane, { settings }: Session, verb: (db: Db) => Promise<unknown>): Promise<ExplainingDb> {
  let explaining: ExplainingDb | undefined
  const undo = new Error('undo')
  await lane
    .transaction(async (db) => {
      if (settings !== null) await db.query(settings)
      explaining = new ExplainingDb(db, settings === null)
      await verb(explaining)
      throw undo
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error
    })
  if (explaining === undefined) throw new Error('nothing was executed')
  return explaining
}

/** Jobs of a claim, as an ack names them. */
async function claimed(db: Db, names = ['mail.ping']): Promise<Ack[]> {
  const lease = randomUUID()
  const answer = await claimJobs(db, {
    node: node.id,
    lease,
    names,
    wants: [{ queue: 'q', count: COUNT, start: FROM_THE_START }],
    mustLookAhead: true,
    on: null,
    ...NO_BREAKERS,
  })
  // Where there are none, the plans are looked at all the same.
  if (answer.jobs.length === 0) return Array.from({ length: COUNT }, () => ackOf({ id: anId(), lease, attempt: 1 }))
  return answer.jobs.map(({ job }) => ackOf(job))
}

const ending = (parts: AttemptEnding) => (ack: Ack) => ({ ...ack, ending: parts })

/** Each verb, and how many rows of `job` one of its statements may look at. */
const VERBS: readonly {
  readonly verb: string
  readonly lane: 'claims' | 'acks' | 'general'
  readonly rows?: number
  readonly run: (db: Db, plain: Db) => Promise<unknown>
  /** The index that the statement with this text goes by. */
  readonly by?: readonly [part: string, index: string]
}[] = [
  { verb: 'claim', lane: 'claims', by: ['picked as', 'job_ready'], run: (db) => claimed(db) },
  {
    verb: 'claim at a cursor',
    lane: 'claims',
    by: ['picked as', 'job_ready'],
    run: async (db, plain) => {
      const [row] = await plain.query('select coalesce(max(seq), 0) - 500 from /* schema */.job')
      const start = { isRescan: false, levels: [{ priority: 0, seq: Number(row?.[0]) }] }
      return claimJobs(db, {
        node: node.id,
        lease: randomUUID(),
        names: ['mail.ping'],
        wants: [{ queue: 'q', count: COUNT, start }],
        mustLookAhead: false,
        on: null,
        ...NO_BREAKERS,
      })
    },
  },
  {
    verb: 'claim that goes on in a stream',
    lane: 'claims',
    by: ['claimed as', 'job_ready'],
    run: async (db, plain) => {
      const [row] = await plain.query('select coalesce(max(seq), 0) - 500 from /* schema */.job')
      const on = { queue: 'q', priority: 0, seq: Number(row?.[0]), count: COUNT }
      const order = { node: node.id, lease: randomUUID(), names: ['mail.ping'], wants: [], mustLookAhead: false }
      return claimJobs(db, { ...order, on, ...NO_BREAKERS })
    },
  },
  {
    verb: 'claim beside an open breaker',
    lane: 'claims',
    by: ['picked as', 'job_ready'],
    run: (db) =>
      claimJobs(db, {
        node: node.id,
        lease: randomUUID(),
        names: ['mail.ping'],
        wants: [{ queue: 'q', count: COUNT, start: FROM_THE_START }],
        mustLookAhead: true,
        on: null,
        breakers: 0,
        keptBack: { names: [{ queue: 'q', subject: 'mail.ping' }], keys: [{ queue: 'q', subject: 'acme' }] },
      }),
  },
  {
    verb: 'claim of probes',
    lane: 'general',
    by: ['picked as', 'job_parked'],
    run: (db) =>
      claimProbes(db, {
        node: node.id,
        lease: randomUUID(),
        names: ['mail.other'],
        of: BREAKER,
        besides: { names: ['mail.ping'], keys: [] },
        count: 3,
      }),
  },
  {
    verb: 'park for a breaker',
    lane: 'general',
    by: ['kept as', 'job_ready'],
    run: async (db, plain) => {
      await setBreaker(plain, BREAKER, 'open', anOrder())
      const places = (await readPlaces(plain, 'q', new Map())).slice(0, COUNT)
      await parkKeptBack(
        db,
        places.map((place) => ({ ...place, by: BREAKER })),
      )
    },
  },
  {
    verb: 'take back what was parked for a breaker',
    lane: 'general',
    rows: 2 * RELEASE_LIMIT,
    by: ['found as', 'job_parked'],
    run: async (db, plain) => {
      await setBreaker(plain, BREAKER, 'closed', anOrder())
      await releaseParked(db, BREAKER)
    },
  },
  {
    verb: 'promote',
    lane: 'claims',
    rows: 2_000,
    by: ['promoted as', 'job_due'],
    run: (db) => promoteJobs(db, ['q', 'r']),
  },
  {
    verb: 'unpark',
    lane: 'claims',
    rows: 4_000,
    by: ['parked = null', 'job_parked'],
    run: (db) => unparkJobs(db, ['q', 'r'], ['mail.other', 'mail.ping']),
  },
  {
    verb: 'step over',
    lane: 'claims',
    rows: STEP_LIMIT,
    by: ['j.name from', 'job_ready'],
    run: (db) => readPlaces(db, 'q', new Map([[0, 5]])),
  },
  {
    verb: 'park',
    lane: 'general',
    by: ['no-worker', 'job_ready'],
    run: async (db, plain) => parkJobs(db, (await readPlaces(plain, 'q', new Map())).slice(0, COUNT)),
  },
  { verb: 'insert', lane: 'general', run: (db) => insertNewJobs(db, jobs(COUNT), '') },
  {
    verb: 'insert with chosen ids',
    lane: 'general',
    run: (db) => insertJobsWithCare(db, jobs(COUNT, { isIdChosen: true }), ''),
  },
  {
    verb: 'ack of completed jobs where the claim has left them',
    lane: 'acks',
    run: async (db, plain) => {
      const acks = await claimed(plain)
      const rows = await plain.query('select id, ctid::text, seq from /* schema */.job where lease = $1::uuid', [
        acks[0]?.lease ?? null,
      ])
      const places = new Map(rows.map(([id, place, seq]) => [id, { place: String(place), seq: Number(seq) }]))
      const placeOf = ({ id }: { readonly id: string }) => places.get(id) ?? { place: '(0,1)', seq: 1 }
      const context = { node: node.id, counter: node.id, endedLeases: [], placeOf }
      await ackJobs(db, acks.slice(0, 50), context)
      await ackJobs(
        db,
        acks.slice(50).map((ack) => ({ ...ack, isKept: false })),
        context,
      )
    },
  },
  {
    verb: 'ack of completed jobs',
    lane: 'acks',
    by: ['done as', 'job_pkey'],
    run: async (db, plain) => {
      const acks = await claimed(plain)
      const endedLeases = acks.slice(0, 1).map(({ lease }) => lease)
      const context = { node: node.id, counter: node.id, endedLeases, placeOf: () => null }
      await ackJobs(db, acks.slice(0, 30), context)
      await ackJobs(
        db,
        acks.slice(30, 60).map((ack) => ({ ...ack, isKept: false })),
        context,
      )
      const result = { codec: 'json', text: '1' } as const
      await ackJobs(db, acks.slice(60).map(ending({ type: 'completed', result, error: null })), context)
      // Known again.
      await ackJobs(db, acks, context)
    },
  },
  {
    verb: 'ack of other endings',
    lane: 'acks',
    run: async (db, plain) => {
      const acks = await claimed(plain)
      const context = { node: node.id, counter: node.id, endedLeases: [], placeOf: () => null }
      await ackJobs(db, acks.slice(0, 30).map(ending({ type: 'failed', error: aProblem })), context)
      await ackJobs(db, acks.slice(30, 60).map(ending({ type: 'retry', error: aProblem, delayMs: 1 })), context)
      await ackJobs(db, acks.slice(60).map(ending({ type: 'cancelled', error: aProblem })), context)
    },
  },
  {
    verb: 'give back',
    lane: 'general',
    run: async (db, plain) => giveBackJobs(db, await claimed(plain), { node: node.id, endedLeases: [] }),
  },
  { verb: 'mark as started', lane: 'general', run: async (db, plain) => markStarted(db, await claimed(plain)) },
  {
    verb: 'orders',
    lane: 'general',
    run: async (db, plain) => {
      await claimed(plain)
      await readOrders(db, node.id)
    },
  },
  {
    verb: 'what a node holds',
    lane: 'general',
    by: ['j.lease from', 'job_ready'],
    run: async (db, plain) => {
      await claimed(plain)
      await readHeld(db, node.id)
    },
  },
  {
    verb: 'read endings',
    lane: 'general',
    run: async (db, plain) =>
      readEndings(
        db,
        (await claimed(plain)).map(({ id }) => id),
      ),
  },
  {
    verb: 'rescue',
    lane: 'general',
    by: ['j.started_at, j.cancel_requested', 'job_ready'],
    run: async (db, plain) => {
      await claimed(plain)
      const [row] = await plain.query('select beat_seq from /* schema */.node where id = $1::uuid', [node.id])
      const freed = await rescueNode(db, { node: node.id, beatSeq: Number(row?.[0]), quarantineAfter: 3 })
      expect(freed).not.toBeNull()
    },
  },
]

// The statements that fill tables take longer than the store waits for any of its own.
const admin = new pg.Client({ connectionString: url })

beforeAll(async () => {
  await admin.connect()
  await migrateSchema(database)
  await database.general.transaction((db) => registerNode(db, node))
})

afterAll(async () => {
  await admin.end()
  await database.close()
})

describe.each([0, 1_000, 1_000_000])('with %i jobs', (size) => {
  describe.each(['before', 'after'])('%s ANALYZE', (when) => {
    beforeAll(async () => {
      if (when === 'after') {
        await admin.query('analyze')
        return
      }
      await admin.query('truncate millrace.job, millrace.history, millrace.lease')
      await admin.query(FILL, [size])
      await admin.query(FILL_HISTORY, [size / 5])
    }, 60_000)

    describe.each([AS_THE_STORE, AS_BEHIND_A_POOLER])('$label', (session) => {
      it.each(VERBS)('$verb looks at a few rows, by their index', async ({ lane, run, rows = FEW, by }) => {
        const { explained: statements } = await explained(database[lane], session, (db) => run(db, inner(db)))
        expect(statements.length).toBeGreaterThan(0)
        for (const { text, isKept, scans } of statements) {
          const large = scans.filter(({ table }) => table === 'job' || table === 'history')
          // Reading a small table whole is quicker, and a plan that is made for each execution knows that it is small.
          const mayReadAll = !isKept && size <= 1_000
          const refused = large.filter((scan) => (scan.type === 'Seq Scan' || scan.rows > rows) && !mayReadAll)
          expect(refused, text).toEqual([])
          if (by !== undefined && !mayReadAll && text.includes(by[0])) {
            expect(
              scans.map(({ index }) => index),
              text,
            ).toContain(by[1])
          }
        }
      })
    })
  })
})

/** The connection below, for what is not looked at. */
function inner(db: Db): Db {
  return db instanceof ExplainingDb ? db.inner : db
}
