/** Findings that every store words alike. */

import type { Finding } from './store.ts'

/** A check that found nothing wrong. */
export function ok(check: string, found: string): Finding {
  return { check, level: 'ok', found, advice: null }
}

/**
 * Judges the version of a schema.
 *
 * @param version The one that is there; 0 is none.
 * @param needed The one that this code needs.
 */
export function judgeVersion(version: number, needed: number): Finding {
  if (version === needed) return ok('schema', `version ${version}, the one that this millrace needs`)
  if (version > needed) {
    return {
      check: 'schema',
      level: 'problem',
      found: `version ${version} was made by a newer millrace; this one knows versions up to ${needed}`,
      advice: 'use the newer millrace that made it',
    }
  }
  return {
    check: 'schema',
    level: 'problem',
    found:
      version === 0
        ? `there is no schema yet; version ${needed} is needed`
        : `version ${version} is older than the ${needed} that is needed`,
    advice: 'run `millrace migrate`; with --dry-run it says what it would do',
  }
}
