/** The contract of a scene. */

import type { World } from '../world.ts'

export interface Scene {
  readonly title: string
  /** Plays it, and checks what must hold. It rejects when what it waits for does not come. */
  play(world: World): Promise<void>
}
