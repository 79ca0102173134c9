/** Data as JSON, for programs. */

import { jsonText } from '../../job/json-text.ts'

/** The version of the shapes that `--json` prints. */
export const JSON_VERSION = 1

/** One JSON document in one line. Control characters are written as escapes, so that it is safe on a terminal too. */
export function jsonDocument(content: Readonly<Record<string, unknown>>): string {
  return jsonText({ version: JSON_VERSION, ...content })
}
