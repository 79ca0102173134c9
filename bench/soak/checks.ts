/** What must hold: each thing by its name, with what was seen. */

export interface Check {
  readonly name: string
  readonly holds: boolean
  readonly seen: string
}

export class Checks {
  readonly all: Check[] = []
  readonly #onCheck: (check: Check) => void

  constructor(onCheck: (check: Check) => void) {
    this.#onCheck = onCheck
  }

  that(name: string, holds: boolean, seen: string): void {
    const check = { name, holds, seen }
    this.all.push(check)
    this.#onCheck(check)
  }

  get failed(): readonly Check[] {
    return this.all.filter(({ holds }) => !holds)
  }
}
