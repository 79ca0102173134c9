/** Object streams of Node. */

import { Readable, Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'

/** @type {import('../contender.ts').StreamContender} */
export const contender = {
  packages: [],
  settings:
    'Readable, Transform and Writable in object mode, joined by pipeline, highWaterMark = max demand. Four consumers read through one async iterator: a Readable that is piped to several Writables gives every event to all of them',
  cannot: {},
  run,
}

/** @type {import('../contender.ts').StreamContender['run']} */
async function run({ steps, consumers }, highWaterMark, events, tally) {
  const options = { objectMode: true, highWaterMark }
  const addOnes = Array.from({ length: steps }, () => addOne(options))
  const source = counter(options, events)
  if (consumers === 1) return pipeline([source, ...addOnes, adder(options, tally)])
  const iterator = source[Symbol.asyncIterator]()
  const consume = async () => {
    for (let read = await iterator.next(); read.done !== true; read = await iterator.next()) tally.add(read.value)
  }
  await Promise.all(Array.from({ length: consumers }, consume))
}

/**
 * @param {import('node:stream').ReadableOptions} options
 * @param {number} limit
 */
function counter(options, limit) {
  let next = 0
  return new Readable({
    ...options,
    read() {
      while (next < limit) if (!this.push(next++)) return
      this.push(null)
    },
  })
}

/** @param {import('node:stream').TransformOptions} options */
function addOne(options) {
  return new Transform({ ...options, transform: (event, _encoding, done) => done(null, event + 1) })
}

/**
 * @param {import('node:stream').WritableOptions} options
 * @param {import('../contender.ts').Tally} tally
 */
function adder(options, tally) {
  return new Writable({
    ...options,
    write: (event, _encoding, done) => {
      tally.add(event)
      done()
    },
  })
}
