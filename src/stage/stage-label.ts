/** How a stage is called in texts for people. */

import type { StageSnapshot } from './snapshot.ts'

/** The label of each stage, by its id. */
export type Labels = ReadonlyMap<number, string>

/** The name of each stage, else its id in its supervisor, else its kind; with its number where that alone would not tell it apart. */
export function labelsOf(stages: readonly StageSnapshot[]): Labels {
  const uses = new Map<string, number>()
  for (const stage of stages) uses.set(plainLabel(stage), (uses.get(plainLabel(stage)) ?? 0) + 1)
  return new Map(
    stages.map((stage) => {
      const label = plainLabel(stage)
      const isEnough = stage.name !== undefined || (stage.child !== undefined && uses.get(label) === 1)
      return [stage.id, isEnough ? label : `${label} #${stage.id}`]
    }),
  )
}

function plainLabel({ name, child, kind }: StageSnapshot): string {
  return name ?? child ?? kind
}
