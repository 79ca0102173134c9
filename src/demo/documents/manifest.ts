/** What a package.json says. */

/** The parts of a manifest that the demo keeps. */
export interface Manifest {
  readonly name: string | undefined
  readonly version: string | undefined
  readonly description: string | undefined
  readonly licence: string | undefined
  readonly keywords: readonly string[]
  readonly dependencies: readonly string[]
}

/** Reads a manifest. Throws when the text is no JSON object, as npm would. */
export function readManifest(text: string): Manifest {
  const json: unknown = JSON.parse(text.replace(/^\uFEFF/, ''))
  if (!isObject(json)) throw new TypeError(`the manifest is no JSON object but ${JSON.stringify(json).slice(0, 40)}`)
  return {
    name: textOf(json['name']),
    version: textOf(json['version']),
    description: textOf(json['description']),
    licence: licenceOf(json['license'] ?? json['licenses']),
    keywords: Array.isArray(json['keywords']) ? json['keywords'].filter((word) => typeof word === 'string') : [],
    dependencies: isObject(json['dependencies']) ? Object.keys(json['dependencies']).sort() : [],
  }
}

/** Old manifests have objects, or several licences. */
function licenceOf(value: unknown): string | undefined {
  if (Array.isArray(value)) return value.map(licenceOf).filter(Boolean).join(' OR ') || undefined
  return isObject(value) ? textOf(value['type']) : textOf(value)
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
