/** All scenarios, in the order in which they are run. */

import type { Scenario } from './scenario.ts'
import { backlogScenario } from './scenarios/backlog.ts'
import { drainScenario } from './scenarios/drain.ts'
import { enqueueScenario } from './scenarios/enqueue.ts'
import { futureScenario } from './scenarios/future.ts'
import { idleScenario } from './scenarios/idle.ts'
import { latencyScenario } from './scenarios/latency.ts'
import { snapshotScenario } from './scenarios/snapshot.ts'
import { sqliteScenario } from './scenarios/sqlite.ts'

export const scenarios: readonly Scenario[] = [
  drainScenario,
  enqueueScenario,
  latencyScenario,
  snapshotScenario,
  backlogScenario,
  futureScenario,
  idleScenario,
  sqliteScenario,
]
