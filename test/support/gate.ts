/** A signal between a test and the code that it watches. */

/** A promise that somebody else settles. */
export interface Gate<Value = void> {
  readonly passed: Promise<Value>
  open(value: Value): void
}

/** A closed gate. */
export function gate<Value = void>(): Gate<Value> {
  let open: (value: Value) => void = () => {}
  const passed = new Promise<Value>((resolve) => (open = resolve))
  return { passed, open }
}
