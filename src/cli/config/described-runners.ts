/**
 * What a configuration said about its runner. The runner does not show it, but the configuration gets its `createRunner` from
 * the command line, which keeps the options beside the runner that was made of them.
 */

import { readConfig, type RunnerConfig } from '../../runner/config.ts'

/** The exports of the package, as far as they matter here. */
export interface PackageExports {
  readonly createRunner: (options: unknown) => object
}

const optionsOf = new WeakMap<object, unknown>()

/** The same exports, with a `createRunner` that remembers. */
export function rememberingExports<Exports extends PackageExports>(exports: Exports): Exports {
  return {
    ...exports,
    createRunner: (options: unknown) => {
      const runner = exports.createRunner(options)
      optionsOf.set(runner, options)
      return runner
    },
  }
}

/** The configuration that a runner was made of; undefined when it was made elsewhere, or by a version with other options. */
export function configurationOf(runner: object): RunnerConfig | undefined {
  if (!optionsOf.has(runner)) return undefined
  try {
    return readConfig(optionsOf.get(runner))
  } catch {
    // The runner's own version has accepted these options; without them only the first screen knows less.
    return undefined
  }
}
