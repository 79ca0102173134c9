import { describe, expect, it } from 'vitest'

import { Mailbox } from './mailbox.ts'

describe('Mailbox', () => {
  it('gives items back in order, across growth and wrapping', () => {
    const mailbox = new Mailbox<number>()
    const taken: number[] = []
    let next = 0
    for (let round = 0; round < 50; round++) {
      for (let count = 0; count < round; count++) mailbox.push(next++)
      for (let count = 0; count < round - 1; count++) taken.push(mailbox.shift() ?? -1)
    }
    for (let item = mailbox.shift(); item !== undefined; item = mailbox.shift()) taken.push(item)
    expect(taken).toEqual(Array.from({ length: next }, (_, index) => index))
  })

  it('answers undefined when it is empty', () => {
    expect(new Mailbox<number>().shift()).toBeUndefined()
  })

  it('drops everything on clear', () => {
    const mailbox = new Mailbox<number>()
    for (let item = 0; item < 100; item++) mailbox.push(item)
    mailbox.clear()
    expect([mailbox.length, mailbox.shift()]).toEqual([0, undefined])
  })
})
