/** Checked by the compiler only: what a stage can be told, and what it answers. */

import {
  consumer,
  finish,
  producer,
  producerConsumer,
  supervisor,
  System,
  type MessageTypes,
  type ProcessRef,
  type ProducerRef,
  type StageRef,
} from '../../src/stage/index.ts'

/** Compiles only when both types are the same. */
type Same<Left, Right> = (<T>() => T extends Left ? 1 : 2) extends <T>() => T extends Right ? 1 : 2 ? true : false
declare function expectType<Expected>(): <Actual>(
  actual: Actual,
  ...same: Same<Expected, Actual> extends true ? [] : [never]
) => void

interface TillMessages {
  call: ((message: 'total') => number) | ((message: { readonly refund: number }) => boolean)
  cast: { readonly add: number }
  info: 'tick'
}

const till = producer<number, TillMessages>((self) => {
  let total = 0
  self.infoAfter(10, 'tick')
  // @ts-expect-error no such info
  self.infoAfter(10, 'tock')
  return {
    handleDemand: () => [],
    handleCall: (message, from) => {
      expectType<'total' | { readonly refund: number }>()(message)
      if (message === 'total') return { reply: total, events: [1] }
      total -= message.refund
      from.reply(true)
      // @ts-expect-error no call is answered by a text
      from.reply('yes')
      return undefined
    },
    handleCast: ({ add }) => {
      total += add
    },
    handleInfo: (message) => expectType<'tick'>()(message),
  }
})

// @ts-expect-error no call is answered by a text
producer<number, TillMessages>(() => ({ handleDemand: () => [], handleCall: () => ({ reply: 'a text' }) }))

const system = new System()
const ref = await system.start(till)
expectType<Promise<number>>()(ref.call('total'))
expectType<Promise<boolean>>()(ref.call({ refund: 3 }, { timeoutMs: 10 }))
declare const either: 'total' | { readonly refund: number }
expectType<Promise<number | boolean>>()(ref.call(either))
// @ts-expect-error no such call
void ref.call('totl')
// @ts-expect-error a refund is a number
void ref.call({ refund: 'all' })
ref.cast({ add: 1 })
// @ts-expect-error no such cast
ref.cast({ sub: 1 })
ref.info('tick')
ref.asyncInfo('tick')
void ref.syncInfo('tick')
// @ts-expect-error no such info
ref.info('tock')
// @ts-expect-error no such info
ref.asyncInfo('tock')

// What is left out is not checked, and what is never is never sent.
const counter = await system.start(
  consumer<number, { call: () => number; cast: never }>(() => ({
    handleEvents: () => {},
    handleCall: () => ({ reply: 7 }),
    handleInfo: (message) => expectType<unknown>()(message),
  })),
)
expectType<Promise<number>>()(counter.call('anything'))
counter.info('anything')
// @ts-expect-error nothing can be cast
counter.cast('anything')

// Who does not care is not bothered.
const plain = producer<number>(() => ({
  handleDemand: () => [],
  handleCall: (message, from) => {
    expectType<unknown>()(message)
    from.reply(message)
  },
  handleCast: (message) => expectType<unknown>()(message),
}))
const plainRef = await system.start(plain)
expectType<Promise<unknown>>()(plainRef.call('anything'))
plainRef.cast(7)

// A stage with messages is a stage: it goes wherever stages go.
const untyped: StageRef = ref
const process: ProcessRef = ref
const source: ProducerRef<number> = ref
expectType<Promise<unknown>>()(untyped.call('anything'))
void finish(source)
void system.stream([{ to: till }], { producers: [ref] })
const double = producerConsumer<number, number, TillMessages>(() => ({
  subscribeTo: [{ to: till }, { to: ref }],
  handleEvents: (events) => events,
}))
void system.subscribe(await system.start(double), { to: till })
consumer<number>((self) => {
  self.link(ref)
  return { subscribeTo: [{ to: double }], handleEvents: () => {} }
})
supervisor({ strategy: 'oneForOne', children: [{ id: 'till', start: till }] })
expectType<boolean>()(process.isAlive)

// @ts-expect-error a call is a function from message to answer
producer<number, { call: 'total' }>(() => ({ handleDemand: () => [] }))
void ({} satisfies MessageTypes)
