import { describe, expect, it } from 'vitest'

import { parseSubscriptionOptions, planBatches } from './subscription.ts'

describe('parseSubscriptionOptions', () => {
  it('fills in the defaults', () => {
    expect(parseSubscriptionOptions({})).toEqual({ maxDemand: 1000, minDemand: 500, cancel: 'permanent' })
  })

  it('takes half of maxDemand, rounded down, as minDemand', () => {
    expect(parseSubscriptionOptions({ maxDemand: 5 }).minDemand).toBe(2)
    expect(parseSubscriptionOptions({ maxDemand: 1 }).minDemand).toBe(0)
  })

  it('lets unknown options travel, but not `to`', () => {
    expect(parseSubscriptionOptions({ to: 'x', partition: 3 })).not.toHaveProperty('to')
    expect(parseSubscriptionOptions({ to: 'x', partition: 3 })['partition']).toBe(3)
  })

  it.each([
    [{ maxDemand: 0 }, 'maxDemand must be an integer >= 1, not 0'],
    [{ maxDemand: 1.5 }, 'maxDemand must be an integer >= 1, not 1.5'],
    [{ maxDemand: 10, minDemand: 10 }, 'minDemand must be an integer from 0 to 9 (maxDemand - 1), not 10'],
    [{ minDemand: -1 }, 'minDemand must be an integer from 0 to 999 (maxDemand - 1), not -1'],
  ])('refuses %j', (request, mistake) => {
    expect(() => parseSubscriptionOptions(request)).toThrow(mistake)
  })
})

describe('planBatches', () => {
  const options = (maxDemand: number, minDemand: number) => parseSubscriptionOptions({ maxDemand, minDemand })

  it('cuts a full message into batches of max - min, each followed by its ask', () => {
    expect(planBatches(10, 10, options(10, 5))).toEqual({
      due: 10,
      batches: [
        { size: 5, ask: 5, excess: 0 },
        { size: 5, ask: 5, excess: 0 },
      ],
    })
  })

  it('alternates when max - min does not divide max', () => {
    const first = planBatches(5, 5, options(5, 2))
    expect(first.batches.map(({ size, ask }) => [size, ask])).toEqual([
      [3, 3],
      [2, 0],
    ])
    expect(planBatches(first.due, 3, options(5, 2)).batches).toEqual([{ size: 3, ask: 5, excess: 0 }])
  })

  it('asks once several short messages brought due down to min', () => {
    const third = [100, 100, 100].reduce(({ due }, count) => planBatches(due, count, options(1000, 750)), {
      due: 1000,
      batches: [],
    } as ReturnType<typeof planBatches>)
    expect(third).toEqual({ due: 1000, batches: [{ size: 100, ask: 300, excess: 0 }] })
  })

  it('counts events that nobody asked for, and does not let the asks of one message cover its own events', () => {
    expect(planBatches(4, 7, options(4, 2)).batches).toEqual([
      { size: 2, ask: 2, excess: 0 },
      { size: 2, ask: 2, excess: 0 },
      { size: 2, ask: 0, excess: 2 },
      { size: 1, ask: 0, excess: 1 },
    ])
  })
})
