/** `npm run bench`: the benchmark of jobs. */

import { runBenchmark } from './run-benchmark.mjs'

await runBenchmark('main.ts')
