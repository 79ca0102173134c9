/** `npm run bench:soak`: a mixed load with things that go wrong, and whether all that tells of it agrees. */

import { runBenchmark } from '../run-benchmark.mjs'

// A parser of the text format of Prometheus.
await runBenchmark('soak/main.ts', { needsTests: true })
