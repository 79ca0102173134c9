/**
 * The registry: which function is behind a name. Built once from what the user passed, then frozen. The store holds names,
 * never code; a name from there is looked up in this map and nowhere else.
 */

import { jobError } from './errors.ts'
import { jobOptionsOf, type JobSettings } from './job-definition.ts'
import { isJobName, JOB_NAME_RULE } from './job-name.ts'
import { suggestion } from './suggest.ts'
import type { JobFunction } from './typed-jobs.ts'

/** A function that is a job. */
export interface RegisteredJob {
  /** `<module>.<export>`, such as `mailer.sendWelcome`. */
  readonly name: string
  readonly fn: JobFunction
  /** What `job()` attached; undefined for a plain function. */
  readonly options: JobSettings | undefined
  /** Its old names. */
  readonly aliases: readonly string[]
}

/** The jobs of a process. */
export interface Registry {
  /** The job of that name or alias, or undefined. */
  find(nameOrAlias: string): RegisteredJob | undefined
  /** The job of that name or alias. Throws `ERR_UNKNOWN_JOB` with the nearest name. */
  get(nameOrAlias: string): RegisteredJob
  /** The name of a function. Throws `ERR_UNREGISTERED_FUNCTION`, saying how to register it. */
  nameOf(fn: JobFunction): string
  /** The job that a caller means by a name, an alias or a function. Throws like {@link get} and {@link nameOf}. */
  resolve(target: string | JobFunction): RegisteredJob
  /** All names, in the order of registration, without aliases. */
  names(): readonly string[]
  /** All names and aliases: what this process can run. */
  runnableNames(): readonly string[]
  /** All jobs, in the order of registration. */
  jobs(): readonly RegisteredJob[]
}

/**
 * Builds the registry.
 *
 * Registered is each function that is an own, enumerable property of a module; classes and what is no function are ignored,
 * and so is a `default` export that has another name too.
 *
 * @param modules The `jobs` of the configuration: modules or plain objects of functions by their names.
 * @returns The registry of what is right, and a sentence for everything that is wrong; with problems nothing may start.
 */
export function buildRegistry(modules: unknown): { readonly registry: Registry; readonly problems: readonly string[] } {
  const problems: string[] = []
  const byName = new Map<string, RegisteredJob>()
  const byFunction = new Map<JobFunction, RegisteredJob>()
  for (const [name, fn] of exportedFunctions(modules, problems)) {
    const known = byFunction.get(fn)
    if (known !== undefined) {
      problems.push(
        `jobs "${known.name}" and "${name}" are the same function; register it under one name, and put others into aliases`,
      )
      continue
    }
    if (byName.has(name)) {
      problems.push(`two functions are called "${name}"; rename one, or register its module under another name`)
      continue
    }
    const options = jobOptionsOf(fn)
    const entry = Object.freeze({ name, fn, options, aliases: options?.aliases ?? [] })
    byName.set(name, entry)
    byFunction.set(fn, entry)
  }
  const byAlias = readAliases(byName, problems)
  return { registry: registryOf(byName, byAlias, byFunction), problems }
}

function exportedFunctions(modules: unknown, problems: string[]): [name: string, fn: JobFunction][] {
  if (!isObject(modules)) {
    problems.push(`option "jobs" is ${kindOf(modules)}; it must be an object of modules, such as { mailer, images }`)
    return []
  }
  const found: [string, JobFunction][] = []
  for (const [moduleName, module] of Object.entries(modules)) {
    if (!isObject(module)) {
      problems.push(
        `jobs.${moduleName} is ${kindOf(module)}; it must be a module (import * as …) or an object of functions`,
      )
      continue
    }
    for (const [exportName, fn] of functionsOf(module, moduleName, problems)) {
      const name = `${moduleName}.${exportName}`
      if (isJobName(name)) found.push([name, fn])
      else problems.push(`${JSON.stringify(name.slice(0, 140))} cannot be the name of a job; ${JOB_NAME_RULE}`)
    }
  }
  return found
}

function functionsOf(module: object, moduleName: string, problems: string[]): [exportName: string, fn: JobFunction][] {
  const functions = entriesOf(module, moduleName, problems).filter((entry): entry is [string, JobFunction] =>
    isJobFunction(entry[1]),
  )
  const named = new Set(functions.filter(([name]) => !isDefaultName(name)).map(([, fn]) => fn))
  // Node.js shows the whole of a CommonJS module as "default" and, in newer versions, also as "module.exports".
  return functions.filter(([name, fn]) => name !== 'module.exports' && !(name === 'default' && named.has(fn)))
}

function entriesOf(module: object, moduleName: string, problems: string[]): [string, unknown][] {
  try {
    return Object.entries(module)
  } catch (error) {
    // The exports of a module that is still loading cannot be read: it waits for the module that creates the runner.
    const reason = error instanceof Error ? error.message : 'its exports throw'
    problems.push(
      `the exports of jobs.${moduleName} cannot be read (${reason}); if that module imports the one that creates the runner, ` +
        'let it use currentJob().enqueue instead',
    )
    return []
  }
}

function isDefaultName(name: string): boolean {
  return name === 'default' || name === 'module.exports'
}

function isJobFunction(value: unknown): value is JobFunction {
  return typeof value === 'function' && !isClass(value)
}

/** The `prototype` property of a class cannot be written; that of a function can, if it has one. */
function isClass(fn: object): boolean {
  return Object.getOwnPropertyDescriptor(fn, 'prototype')?.writable === false
}

function readAliases(byName: ReadonlyMap<string, RegisteredJob>, problems: string[]): Map<string, RegisteredJob> {
  const byAlias = new Map<string, RegisteredJob>()
  for (const entry of byName.values()) {
    for (const alias of entry.aliases) {
      const other = byName.get(alias) ?? byAlias.get(alias)
      if (other === undefined) byAlias.set(alias, entry)
      else if (other === entry) problems.push(`job "${entry.name}" has its own name among its aliases; remove it there`)
      else
        problems.push(`alias "${alias}" of job "${entry.name}" belongs to job "${other.name}" too; remove it from one`)
    }
  }
  return byAlias
}

function registryOf(
  byName: ReadonlyMap<string, RegisteredJob>,
  byAlias: ReadonlyMap<string, RegisteredJob>,
  byFunction: ReadonlyMap<JobFunction, RegisteredJob>,
): Registry {
  const names = Object.freeze([...byName.keys()])
  const runnableNames = Object.freeze([...names, ...byAlias.keys()])
  const jobs = Object.freeze([...byName.values()])
  const find = (name: string): RegisteredJob | undefined => byName.get(name) ?? byAlias.get(name)
  const get = (name: string): RegisteredJob => {
    const found = find(name)
    if (found !== undefined) return found
    throw jobError(
      'ERR_UNKNOWN_JOB',
      `no job is called ${JSON.stringify(name.slice(0, 140))}${suggestion(name, runnableNames)}`,
    )
  }
  const ofFunction = (fn: JobFunction): RegisteredJob => {
    const found = byFunction.get(fn)
    if (found !== undefined) return found
    throw jobError('ERR_UNREGISTERED_FUNCTION', unregisteredMessage(fn, names))
  }
  return Object.freeze({
    find,
    get,
    nameOf: (fn: JobFunction) => ofFunction(fn).name,
    resolve: (target: string | JobFunction) => (typeof target === 'string' ? get(target) : ofFunction(target)),
    names: () => names,
    runnableNames: () => runnableNames,
    jobs: () => jobs,
  })
}

function unregisteredMessage(fn: unknown, names: readonly string[]): string {
  if (typeof fn !== 'function') return `a job is a function or a name, not ${kindOf(fn)}`
  const called = fn.name === '' ? 'an anonymous function' : `function "${fn.name}"`
  const twin = names.find((name) => name.endsWith(`.${fn.name}`))
  const fix = 'export it from a module and pass that module to createRunner({ jobs: { … } })'
  if (twin === undefined) return `${called} is not registered; ${fix}`
  return `${called} is not the one registered as "${twin}", though it has the same name; enqueue that one, or ${fix}`
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function kindOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'an array' : typeof value
}
