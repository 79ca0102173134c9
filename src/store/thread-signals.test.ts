import { describe, expect, it } from 'vitest'

import { BeatMark, BlockingAnswer } from './thread-signals.ts'

describe('BeatMark', () => {
  it('is silent for ever before the first beat, and then since the last one was sent', () => {
    const mark = new BeatMark()
    expect(mark.silenceMs()).toBe(Infinity)
    new BeatMark(mark.memory).confirm(5_000)
    expect(mark.silenceMs()).toBeGreaterThanOrEqual(4_999)
    expect(mark.silenceMs()).toBeLessThan(6_000)
  })
})

describe('a word of BeatMark', () => {
  it('holds until its time is over, and for ever where none was given', () => {
    const mark = new BeatMark()
    const there = new BeatMark(mark.memory)
    expect(there.isVouched()).toBe(true)
    mark.vouch(0)
    expect(there.isVouched()).toBe(false)
    mark.vouch(60_000)
    expect(there.isVouched()).toBe(true)
  })
})

describe('BlockingAnswer', () => {
  it('is what the other side gave', () => {
    for (const given of [true, false]) {
      const answer = new BlockingAnswer()
      new BlockingAnswer(answer.memory).give(given)
      expect(answer.wait(1_000)).toBe(given)
    }
  })

  it('is no when none comes in time', () => {
    expect(new BlockingAnswer().wait(1)).toBe(false)
  })
})
