/** The exhaustive search: every world that can be reached, breadth first, so that what is found is reached in the fewest steps. */

import { firstWorld, isAtRest, keyOf, stepsOf, type Setting, type World } from './world.ts'

/** A rule that was broken, and how it came to that. */
export interface Violation {
  readonly rule: string
  /** What happened, in order. */
  readonly trace: readonly string[]
}

/** What a search found. */
export interface Found {
  /** How many worlds were looked at. */
  readonly worlds: number
  readonly steps: number
  readonly violation: Violation | null
}

/** How a world was reached. */
interface Reached {
  readonly from: number
  readonly event: string
}

/**
 * Looks at every world that can be reached. Ends at the first broken rule; a job that can never come to an end, although
 * nothing more goes wrong, is one.
 */
export function search(setting: Setting): Found {
  const first = firstWorld(setting)
  const numbers = new Map<string, number>([[keyOf(first, setting), 0]])
  const worlds: World[] = [first]
  const reached: Reached[] = [{ from: -1, event: '' }]
  /** For each world those from which it is reached without a fault. */
  const before: number[][] = [[]]
  let steps = 0
  const traceTo = (number: number): string[] => {
    const trace: string[] = []
    for (let at = reached[number]; at !== undefined && at.from >= 0; at = reached[at.from]) trace.unshift(at.event)
    return trace
  }
  for (let number = 0; number < worlds.length; number++) {
    const world = worlds[number]
    if (world === undefined) break
    for (const { event, world: next, isFault, broken } of stepsOf(world, setting)) {
      steps += 1
      if (broken !== undefined) {
        return { worlds: worlds.length, steps, violation: { rule: broken, trace: [...traceTo(number), event] } }
      }
      const key = keyOf(next, setting)
      let known = numbers.get(key)
      if (known === undefined) {
        known = worlds.push(next) - 1
        numbers.set(key, known)
        reached.push({ from: number, event })
        before.push([])
      }
      if (!isFault) before[known]?.push(number)
    }
  }
  const stuck = firstThatIsStuck(worlds, before, setting)
  const violation = stuck === -1 ? null : { rule: 'the job can never come to an end', trace: traceTo(stuck) }
  return { worlds: worlds.length, steps, violation }
}

/** The number of the first world from which no end can be reached without a fault; -1 when there is none. */
function firstThatIsStuck(worlds: readonly World[], before: readonly (readonly number[])[], setting: Setting): number {
  const canEnd = worlds.map((world) => isAtRest(world, setting))
  const open = canEnd.flatMap((can, number) => (can ? [number] : []))
  for (let number = open.pop(); number !== undefined; number = open.pop()) {
    for (const earlier of before[number] ?? []) {
      if (canEnd[earlier] === true) continue
      canEnd[earlier] = true
      open.push(earlier)
    }
  }
  return canEnd.indexOf(false)
}
