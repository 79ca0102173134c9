/** Web streams, as Node has them. */

/** @type {import('../contender.ts').StreamContender} */
export const contender = {
  packages: [],
  settings:
    'ReadableStream, TransformStream and WritableStream, joined by pipeThrough and pipeTo, CountQueuingStrategy with highWaterMark = max demand. Four consumers call read() of one reader: tee() gives every event to all',
  cannot: {},
  run,
}

/** @type {import('../contender.ts').StreamContender['run']} */
async function run({ steps, consumers }, highWaterMark, events, tally) {
  const strategy = new CountQueuingStrategy({ highWaterMark })
  let source = counter(strategy, events)
  for (let step = 0; step < steps; step++) source = source.pipeThrough(addOne(strategy))
  if (consumers === 1) {
    return source.pipeTo(new WritableStream({ write: (event) => tally.add(event) }, strategy))
  }
  const reader = source.getReader()
  const consume = async () => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) tally.add(read.value)
  }
  await Promise.all(Array.from({ length: consumers }, consume))
}

/**
 * @param {CountQueuingStrategy} strategy
 * @param {number} limit
 */
function counter(strategy, limit) {
  let next = 0
  return new ReadableStream(
    {
      pull: (controller) => {
        const end = Math.min(limit, next + Math.max(1, controller.desiredSize ?? 1))
        while (next < end) controller.enqueue(next++)
        if (next === limit) controller.close()
      },
    },
    strategy,
  )
}

/** @param {CountQueuingStrategy} strategy */
function addOne(strategy) {
  return new TransformStream({ transform: (event, controller) => controller.enqueue(event + 1) }, strategy, strategy)
}
