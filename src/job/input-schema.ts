/** Input schemas of jobs: one Standard Schema (version 1) for each parameter, from any library that speaks it. */

import type { StandardSchemaV1 } from '@standard-schema/spec'

import type { RunnerError } from '../host/errors.ts'
import { jobError } from './errors.ts'
import { joinPath, pathStep } from './value-path.ts'

/** One schema for each parameter of a job. */
export type InputSchemas = readonly StandardSchemaV1[]

/** What callers pass: the inputs of the schemas. Trailing ones that may be undefined may be left out. */
export type InputsOf<Schemas extends InputSchemas> = OptionalTail<{
  -readonly [Index in keyof Schemas]: StandardSchemaV1.InferInput<Schemas[Index]>
}>

/** What the handler gets: the outputs of the schemas. */
export type OutputsOf<Schemas extends InputSchemas> = {
  -readonly [Index in keyof Schemas]: StandardSchemaV1.InferOutput<Schemas[Index]>
}

type OptionalTail<Values extends readonly unknown[]> = Values extends [...infer Head, infer Last]
  ? undefined extends Last
    ? [...OptionalTail<Head>, Last?]
    : Values
  : Values

/** The answer of {@link validateInput}. */
export type InputResult =
  | { readonly isValid: true; readonly values: readonly unknown[] }
  | { readonly isValid: false; readonly issues: readonly InputIssue[] }

/** One thing that is wrong with the args. */
export interface InputIssue {
  /** Where: `args[0].email`. */
  readonly path: string
  /** What, in the words of the schema's library. */
  readonly message: string
}

/**
 * Checks args against schemas.
 *
 * @returns The outputs of the schemas, one for each, or everything that is wrong. A promise only when a schema answers one.
 *   What a schema throws is thrown on.
 */
export function validateInput(schemas: InputSchemas, args: readonly unknown[]): InputResult | Promise<InputResult> {
  const results: (Result | Promise<Result>)[] = []
  let isAsync = false
  for (const [index, schema] of schemas.entries()) {
    const result = schema['~standard'].validate(args[index])
    if (result instanceof Promise) {
      isAsync = true
      // When a later schema throws at once, nobody waits for this one any more.
      result.catch(() => {})
    }
    results.push(result)
  }
  if (isAsync) return gatherLater(results, schemas, args)
  // Without a promise among them, all are results.
  return gather(results as Result[], schemas, args)
}

type Result = StandardSchemaV1.Result<unknown>

async function gatherLater(
  results: readonly (Result | Promise<Result>)[],
  schemas: InputSchemas,
  args: readonly unknown[],
): Promise<InputResult> {
  const settled = await Promise.all(results.map(async (result) => await result))
  return gather(settled, schemas, args)
}

function gather(results: readonly Result[], schemas: InputSchemas, args: readonly unknown[]): InputResult {
  const issues: InputIssue[] = []
  const values: unknown[] = []
  for (const [index, result] of results.entries()) {
    if (result.issues === undefined) values.push(result.value)
    else for (const issue of result.issues) issues.push({ path: pathOf(index, issue.path), message: issue.message })
  }
  if (args.length > schemas.length) {
    issues.push({ path: pathOf(schemas.length, undefined), message: `there are only ${schemas.length} parameters` })
  }
  return issues.length === 0 ? { isValid: true, values } : { isValid: false, issues }
}

function pathOf(index: number, path: StandardSchemaV1.Issue['path']): string {
  const keys = (path ?? []).map((segment) => (typeof segment === 'object' ? segment.key : segment))
  return joinPath('args', [index, ...keys].map(pathStep))
}

/** As many issues are listed in a message. */
const MOST_LISTED = 20

/** The error for args that do not fit; code `ERR_ARGS_INVALID`. The caller throws it. */
export function argsInvalidError(jobName: string, issues: readonly InputIssue[]): RunnerError {
  const listed = issues.slice(0, MOST_LISTED).map(({ path, message }) => `${path}: ${message}`)
  if (issues.length > MOST_LISTED) listed.push(`and ${issues.length - MOST_LISTED} more`)
  return jobError('ERR_ARGS_INVALID', `the args of job "${jobName}" do not fit its input schemas: ${listed.join('; ')}`)
}
