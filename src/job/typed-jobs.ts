/** From the jobs of a runner to the types of `enqueue`: names, args and results. Types only, nothing runs. */

import type { EnqueueOptions } from './enqueue-options.ts'
import type { InputSchemas, InputsOf } from './input-schema.ts'
import type { JobHandle } from './job-handle.ts'
import type { Outcome } from './outcome.ts'

/** Any function that may be a job. */
// oxlint-disable-next-line typescript/no-explicit-any -- parameters are compared contravariantly, so no other type admits every function
export type JobFunction = (...args: any[]) => any

/** The jobs of a runner: modules (`import * as mailer`) or plain objects of functions, by the name they are registered under. */
export type JobModules = Readonly<Record<string, object>>

/** The key under which {@link DefinedJob} carries the options of `job()`. Shared by all copies of the package in a process. */
export const JOB_SETTINGS: unique symbol = Symbol.for('millrace.job')

/** A function with the input schemas of its `job()`: called directly it takes their outputs, enqueued their inputs. */
export type DefinedJob<Fn extends JobFunction, Schemas extends InputSchemas> = Fn & {
  readonly [JOB_SETTINGS]: { readonly input: Schemas }
}

/** The names of all jobs in `Jobs`: `'mailer.sendWelcome'`, one for each exported function. */
export type JobName<Jobs extends JobModules> = {
  [Module in keyof Jobs & string]: NamesIn<Jobs[Module], Module>
}[keyof Jobs & string]

type NamesIn<Exports, Module extends string> = {
  [Export in keyof Exports & string]: Exports[Export] extends JobFunction ? `${Module}.${Export}` : never
}[keyof Exports & string]

/** What may be enqueued: a name, or a function. Whether a function is registered is seen when it is enqueued. */
export type JobTarget<Jobs extends JobModules> = JobName<Jobs> | JobFunction

/** The function behind a target. */
export type FunctionOf<Jobs extends JobModules, Target> = Target extends JobFunction
  ? Target
  : { [Module in keyof Jobs & string]: ExportNamed<Jobs[Module], Module, Target> }[keyof Jobs & string]

type ExportNamed<Exports, Module extends string, Name> = Name extends `${Module}.${infer Export}`
  ? Export extends keyof Exports
    ? Exports[Export]
    : never
  : never

/** The args of a target: the tuple of its parameters, or the inputs of its schemas. */
export type ArgsOf<Jobs extends JobModules, Target> = ArgsOfFunction<FunctionOf<Jobs, Target>>

type ArgsOfFunction<Fn> = Fn extends { readonly [JOB_SETTINGS]: { readonly input: infer Schemas extends InputSchemas } }
  ? Readonly<InputsOf<Schemas>>
  : Fn extends JobFunction
    ? Readonly<Parameters<Fn>>
    : never

/** What a target resolves to: awaited, without the outcomes it may return instead. */
export type ResultOf<Jobs extends JobModules, Target> = ResultOfFunction<FunctionOf<Jobs, Target>>

type ResultOfFunction<Fn> = Fn extends JobFunction ? Exclude<Awaited<ReturnType<Fn>>, Outcome> : never

/**
 * The parameter of `enqueueAll`: a list of `[target, args, options?]`, each typed by its own target. To be used with
 * `<const Targets extends readonly JobTarget<Jobs>[]>`.
 */
export type EnqueueEntries<Jobs extends JobModules, Targets extends readonly unknown[]> = {
  readonly [Index in keyof Targets]: EnqueueEntry<Jobs, Targets[Index]>
}

/** One job of `enqueueAll`. */
export type EnqueueEntry<Jobs extends JobModules, Target> = readonly [
  target: Target,
  args: ArgsOf<Jobs, Target>,
  options?: EnqueueOptions | undefined,
]

/** The answer of `enqueueAll`: a handle for each job, in the order of the entries. */
export type EnqueuedHandles<Jobs extends JobModules, Targets extends readonly unknown[]> = {
  -readonly [Index in keyof Targets]: JobHandle<ResultOf<Jobs, Targets[Index]>>
}
