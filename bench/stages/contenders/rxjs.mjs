/** RxJS: what is pushed has to be taken. */

import { map, range } from 'rxjs'

/** @type {import('../contender.ts').StreamContender} */
export const contender = {
  packages: ['rxjs'],
  settings:
    'range, map and subscribe. It has no back-pressure, so max demand means nothing to it: every step is a call of the next one',
  cannot: { spread: 'an Observable knows no demand to choose a consumer by; share() gives every event to all' },
  run,
}

/** @type {import('../contender.ts').StreamContender['run']} */
function run({ steps }, _maxDemand, events, tally) {
  let source = range(0, events)
  for (let step = 0; step < steps; step++) source = source.pipe(map((event) => event + 1))
  return new Promise((resolve, reject) => {
    source.subscribe({ next: (event) => tally.add(event), complete: resolve, error: reject })
  })
}
