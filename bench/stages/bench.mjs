/** `npm run bench:stages`: the benchmark of stages. */

import { runBenchmark } from '../run-benchmark.mjs'

await runBenchmark('stages/main.ts')
