/**
 * Looks at a value before it is encoded: whether it can be kept, and whether JSON keeps it exactly.
 *
 * The value of an object is its enumerable properties; accessors count as what they answer. Everything else must be of a kind
 * that is listed here: what is not known to come back as it was is refused, never changed silently.
 */

/* oxlint-disable no-restricted-globals -- Date is a kind of value here, never a clock */

import { toErrorRecord } from './error-record.ts'
import { jobError } from './errors.ts'
import { joinPath, pathStep } from './value-path.ts'

/** Values may be nested this deep. Bounds the recursion here and in the encoder. */
export const DEEPEST_VALUE = 200

/** A value whose text is larger than this, in bytes of UTF-8, is refused. */
export const LARGEST_VALUE_BYTES: number = 1024 * 1024

/** A value that would take this many characters is refused without being encoded. */
const HOPELESS_SIZE = 16 * 1024 * 1024

/** The kinds of typed arrays that are kept, by their prototypes. `Buffer` is one of its own. */
export const BYTE_KINDS: ReadonlyMap<string, new (bytes: ArrayBuffer) => ArrayBufferView> = new Map<
  string,
  new (bytes: ArrayBuffer) => ArrayBufferView
>([
  ['Int8Array', Int8Array],
  ['Uint8Array', Uint8Array],
  ['Uint8ClampedArray', Uint8ClampedArray],
  ['Int16Array', Int16Array],
  ['Uint16Array', Uint16Array],
  ['Int32Array', Int32Array],
  ['Uint32Array', Uint32Array],
  ['Float32Array', Float32Array],
  ['Float64Array', Float64Array],
  ['BigInt64Array', BigInt64Array],
  ['BigUint64Array', BigUint64Array],
])

const BYTE_KIND_OF: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  [Buffer.prototype, 'Buffer'],
  ...Array.from(BYTE_KINDS, ([kind, constructor]): [unknown, string] => [constructor.prototype, kind]),
])

/** The name of the kind of a typed array or Buffer, or undefined for everything else. */
export function byteKindOf(value: unknown): string | undefined {
  return ArrayBuffer.isView(value) ? BYTE_KIND_OF.get(Object.getPrototypeOf(value)) : undefined
}

/**
 * Looks at `value`.
 *
 * @param rootName What paths in messages start with.
 * @returns Whether JSON keeps it, as far as its structure says; texts that JSON keeps but databases do not are not looked at.
 * @throws `ERR_VALUE_UNSUPPORTED` with the path of what cannot be kept, `ERR_ARGS_TOO_LARGE` when it is hopelessly large.
 */
export function inspectValue(value: unknown, rootName: string): { readonly isJson: boolean } {
  const walk = new ValueWalk()
  if (walk.visit(value, 0)) return { isJson: walk.isJson }
  if (walk.isTooLarge) {
    throw jobError('ERR_ARGS_TOO_LARGE', `${rootName}: many times the 1 MiB that can be stored; ${SIZE_ADVICE}`)
  }
  const path = joinPath(rootName, walk.steps.reverse())
  throw jobError('ERR_VALUE_UNSUPPORTED', `${path} ${walk.problem}`)
}

/** What to do about a value that is too large. */
export const SIZE_ADVICE = 'store the data elsewhere and pass its id or path'

class ValueWalk {
  isJson = true
  isTooLarge = false
  problem = ''
  /** The steps to the value that was refused, the last one first: added on the way back, so that what is fine costs nothing. */
  readonly steps: string[] = []
  /** Objects that were visited. Meeting one again means a shared reference or a cycle, which JSON does not keep. */
  readonly #seen = new Set<object>()
  #size = 0

  refuse(problem: string): false {
    this.problem = problem
    return false
  }

  /** Whether `value` can be kept. */
  visit(value: unknown, depth: number): boolean {
    switch (typeof value) {
      case 'string':
        return this.#grow(value.length)
      case 'number':
        if (!Number.isFinite(value) || Object.is(value, -0)) this.isJson = false
        return this.#grow(1)
      case 'boolean':
        return this.#grow(4)
      case 'object':
        return value === null ? this.#grow(4) : this.#visitObject(value, depth)
      case 'undefined':
        this.isJson = false
        return this.#grow(1)
      case 'bigint':
        this.isJson = false
        return this.#growByBigint(value)
      case 'function':
        return this.refuse('is a function, which cannot be stored')
      case 'symbol':
        return this.refuse('is a symbol, which cannot be stored')
    }
  }

  #growByBigint(value: bigint): boolean {
    // The decimal digits of a huge number take seconds to find; those of base 16 do not, and there are fewer of them.
    const size = value.toString(16).length
    return this.#grow(size > LARGEST_VALUE_BYTES ? HOPELESS_SIZE + 1 : size)
  }

  #grow(size: number): boolean {
    this.#size += size
    if (this.#size <= HOPELESS_SIZE) return true
    this.isTooLarge = true
    return false
  }

  #visitObject(value: object, depth: number): boolean {
    if (this.#seen.has(value)) {
      this.isJson = false
      return this.#grow(1)
    }
    if (depth > DEEPEST_VALUE) return this.refuse(`is nested more than ${DEEPEST_VALUE} deep; flatten it`)
    this.#seen.add(value)
    if (!this.#grow(2)) return false
    try {
      return this.#visitContent(value, depth)
    } catch (error) {
      // A proxy that throws, or an object that only looks like one that is built in.
      return this.refuse(unreadable(error))
    }
  }

  #visitContent(value: object, depth: number): boolean {
    if (Array.isArray(value)) return this.#visitArray(value, depth)
    const prototype: unknown = Object.getPrototypeOf(value)
    if (prototype === Object.prototype || isForeignObjectPrototype(prototype)) return this.#visitPlain(value, depth)
    this.isJson = false
    return prototype === null ? this.#visitPlain(value, depth) : this.#visitBuiltIn(value, prototype, depth)
  }

  #visitPlain(value: object, depth: number): boolean {
    let key = ''
    try {
      if (hasEnumerableSymbol(value)) return this.refuse('has a symbol as a key, which cannot be stored')
      for (key of Object.keys(value)) {
        if (key === '__proto__')
          return this.refuse('has a key "__proto__", which is refused because it can change prototypes')
        if (!this.#grow(key.length + 1) || !this.visit(Reflect.get(value, key), depth + 1))
          return this.#from(pathStep(key))
      }
      key = 'toJSON'
      // JSON would ask it; an enumerable one was refused above as any function is.
      if (typeof Reflect.get(value, key) === 'function')
        return this.refuse('has a toJSON function; pass what it answers')
    } catch (error) {
      this.refuse(unreadable(error))
      return this.#from(pathStep(key))
    }
    return true
  }

  #visitArray(value: readonly unknown[], depth: number): boolean {
    const prototype: unknown = Object.getPrototypeOf(value)
    // The prototype of arrays is an array itself, in every realm; that of a subclass is not.
    if (!Array.isArray(prototype)) return this.refuse(`${instanceOf(prototype)}; send a plain array`)
    // Before its keys are listed: the list alone would take a lot of memory.
    if (value.length > HOPELESS_SIZE) return this.#grow(HOPELESS_SIZE + 1)
    if ('toJSON' in value) return this.refuse('has a toJSON function; pass what it answers')
    if (hasEnumerableSymbol(value)) return this.refuse('has a symbol as a key, which cannot be stored')
    const keys = Object.keys(value)
    const isDense = keys.length === value.length && (keys.length === 0 || keys.at(-1) === String(value.length - 1))
    if (!isDense) this.isJson = false
    let index = 0
    try {
      for (let position = 0; position < keys.length; position++) {
        const key = keys[position] ?? ''
        if (!isDense && !isArrayIndex(key)) {
          return this.refuse(`has the property "${key.slice(0, 80)}" besides its elements; send a plain array`)
        }
        index = isDense ? position : Number(key)
        if (!this.visit(value[index], depth + 1)) return this.#from(pathStep(index))
      }
    } catch (error) {
      this.refuse(unreadable(error))
      return this.#from(pathStep(index))
    }
    return true
  }

  #visitBuiltIn(value: object, prototype: unknown, depth: number): boolean {
    const kind = byteKindOf(value)
    if (kind !== undefined) {
      // Its kind says that it is a view.
      return this.#grow((value as ArrayBufferView).byteLength)
    }
    if (value instanceof Promise) return this.refuse('is a promise; await it first')
    const isKept = KEPT_PROTOTYPES.has(prototype)
    if (!isKept) return this.refuse(`${instanceOf(prototype)}; send a plain object`)
    const [extra] = Object.keys(value)
    if (extra !== undefined)
      return this.refuse(`has the property "${extra.slice(0, 80)}" of its own, which cannot be stored`)
    if (hasEnumerableSymbol(value)) return this.refuse('has a symbol as a key, which cannot be stored')
    switch (prototype) {
      case Map.prototype:
        return this.#visitMap(value, depth)
      case Set.prototype:
        return this.#visitSet(value, depth)
      case ArrayBuffer.prototype:
        return this.#grow(bufferSize(value))
      case Date.prototype:
        Date.prototype.getTime.call(value)
        return this.#grow(24)
      case RegExp.prototype:
        return this.#grow(regexpSource(value).length)
      default:
        return this.#grow(URL.prototype.toString.call(value).length)
    }
  }

  #visitMap(value: object, depth: number): boolean {
    let index = 0
    for (const [key, entry] of Map.prototype.entries.call(value)) {
      if (!this.visit(key, depth + 1)) return this.#from(`.keys()[${index}]`)
      if (!this.visit(entry, depth + 1)) return this.#from(`.get(${describeKey(key)})`)
      index++
    }
    return true
  }

  #visitSet(value: object, depth: number): boolean {
    let index = 0
    for (const entry of Set.prototype.values.call(value)) {
      if (!this.visit(entry, depth + 1)) return this.#from(`.values()[${index}]`)
      index++
    }
    return true
  }

  #from(step: string): false {
    this.steps.push(step)
    return false
  }
}

const KEPT_PROTOTYPES: ReadonlySet<unknown> = new Set<unknown>([
  Map.prototype,
  Set.prototype,
  ArrayBuffer.prototype,
  Date.prototype,
  RegExp.prototype,
  URL.prototype,
])

// Every ArrayBuffer and RegExp has these accessors; called on anything else they throw.
const bufferSize = getterOf<number>(ArrayBuffer.prototype, 'byteLength')
const regexpSource = getterOf<string>(RegExp.prototype, 'source')

function getterOf<Value>(prototype: object, name: string): (holder: object) => Value {
  const accessor = Object.getOwnPropertyDescriptor(prototype, name)
  // The standard says what the accessor answers.
  return (holder) => accessor?.get?.call(holder) as Value
}

/** The prototype of plain objects in another realm, such as that of a test runner or a `vm` context. */
function isForeignObjectPrototype(prototype: unknown): boolean {
  if (typeof prototype !== 'object' || prototype === null || Object.getPrototypeOf(prototype) !== null) return false
  return Object.hasOwn(prototype, 'isPrototypeOf')
}

function hasEnumerableSymbol(value: object): boolean {
  const symbols = Object.getOwnPropertySymbols(value)
  return symbols.some((symbol) => Object.prototype.propertyIsEnumerable.call(value, symbol))
}

function isArrayIndex(key: string): boolean {
  const index = Number(key)
  return Number.isInteger(index) && index >= 0 && index < 2 ** 32 - 1 && String(index) === key
}

function instanceOf(prototype: unknown): string {
  const constructor: unknown =
    typeof prototype === 'object' && prototype !== null ? Reflect.get(prototype, 'constructor') : undefined
  const name = typeof constructor === 'function' ? constructor.name : ''
  return name === '' ? 'has a prototype of its own' : `is an instance of ${name.slice(0, 80)}`
}

function describeKey(key: unknown): string {
  if (typeof key === 'string') return JSON.stringify(key.slice(0, 80))
  return typeof key === 'number' || typeof key === 'boolean' ? String(key) : '…'
}

function unreadable(error: unknown): string {
  return `cannot be read: ${toErrorRecord(error).message.slice(0, 200)}`
}
