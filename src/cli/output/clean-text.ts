/** Text of jobs for a terminal: names, args and errors come from outside and must not be able to steer it. */

/* oxlint-disable no-control-regex -- control characters are what this file is about */

/** ESC ] … BEL and its kin: titles, links, clipboards. None of the three characters that may end one is inside. */
const STRINGS = /(?:\u001b[\]P^_X]|[\u0090\u0098\u009d-\u009f])[^\u0007\u001b\u009c]*(?:\u0007|\u001b\\|\u009c)/g
/** ESC [ …: colours, cursor, screen. */
const SEQUENCES = /(?:\u001b\[|\u009b)[0-?]*[ -/]*[@-~]/g
const OTHER_ESCAPES = /\u001b[ -/]*[0-~]/g
/** Everything else that is not text, but for line breaks and tabs; and the marks that turn the direction of writing. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
const LINE_BREAKS = /\r\n?|[\u2028\u2029]/g

/** The text without anything that a terminal obeys. Line breaks and tabs stay. */
export function cleanText(text: string): string {
  return text
    .replace(STRINGS, '')
    .replace(SEQUENCES, '')
    .replace(OTHER_ESCAPES, '')
    .replace(LINE_BREAKS, '\n')
    .replace(CONTROLS, '')
}

/** The same in one line, cut with `…` where it is longer than `most` characters. */
export function cleanLine(text: string, most: number = Infinity): string {
  // Nothing behind this can be shown, whatever is stripped: huge texts cost no more than that.
  const line = cleanText(most === Infinity ? text : text.slice(0, most * 4 + 4096))
    .replace(/\s*[\n\t]\s*/g, ' ')
    .trim()
  return shorten(line, most)
}

/** Cuts between characters. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text
  const characters = Array.from(text.slice(0, most * 2))
  return characters.length <= most && text.length <= most * 2 ? text : `${characters.slice(0, most - 1).join('')}…`
}

/** The last net under all output: keeps colours when there may be any, and nothing else that a terminal obeys. */
export function withoutControls(text: string, options: { readonly keepColors: boolean }): string {
  if (!options.keepColors) return cleanText(text)
  return text
    .split(/(\u001b\[[\d;]*m)/)
    .map((part, index) => (index % 2 === 1 ? part : cleanText(part)))
    .join('')
}
