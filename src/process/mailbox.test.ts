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

  it('can be looked through, across wrapping, and stays as it is', () => {
    const mailbox = new Mailbox<number>()
    for (let item = 0; item < 12; item++) mailbox.push(item)
    for (let count = 0; count < 10; count++) mailbox.shift()
    for (let item = 12; item < 20; item++) mailbox.push(item)
    expect([...mailbox]).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    expect(mailbox.length).toBe(10)
  })

  it('drops everything on clear', () => {
    const mailbox = new Mailbox<number>()
    for (let item = 0; item < 100; item++) mailbox.push(item)
    mailbox.clear()
    expect([mailbox.length, mailbox.shift()]).toEqual([0, undefined])
  })
})
