import { expect, it } from 'vitest'

import { boardLine, boardLines, explanation, type QueueStanding } from './board.ts'

const aStanding = (queue: string, rest: Partial<QueueStanding> = {}): QueueStanding => ({
  queue,
  concurrency: 1,
  isPaused: false,
  demand: 1,
  buffered: 0,
  running: 0,
  waiting: 0,
  ended: 0,
  rate: 0,
  ...rest,
})
const busy = [
  aStanding('pages', { ended: 169, concurrency: 4, demand: 4 }),
  aStanding('index', { demand: 0, running: 1, waiting: 1_812, ended: 12, rate: 31.25 }),
]

it('explains the queue in which most jobs wait', () => {
  expect(explanation(busy)).toBe(
    'index takes 1 at a time; its producer asks the store for no more than it can run: 0 jobs are held ahead, 1,812 wait in the store.',
  )
  expect(explanation([aStanding('index', { isPaused: true, waiting: 7 })])).toBe(
    'index is paused: 7 jobs wait in the store until somebody resumes it.',
  )
  expect(explanation([aStanding('pages')])).toBe('No queue has more work than it can run at once.')
})

it('shows a table with the numbers one below the other', () => {
  expect(boardLines(busy).slice(0, 3)).toEqual([
    'queue  at a time  demand  buffered  running  waiting  ended  per second',
    'pages          4       4         0        0        0    169         0.0',
    'index          1       0         0        1    1,812     12        31.3',
  ])
})

it('says the same in one line', () => {
  expect(boardLine(busy, 2_040)).toBe(
    '   2.0 s  pages: 169 ended | index: 12 ended, demand 0, 0 buffered, 1 running, 1,812 waiting, 31.3/s',
  )
})
