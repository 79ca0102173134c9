/** The statements in a server's log. */

/** The application name of the bench's own connections, whose statements are left out. */
export const OURS = 'bench'

/** One statement of the server's log. */
export interface LoggedStatement {
  readonly database: string
  readonly pid: number
  readonly text: string
  /** Parse, bind and execute together. */
  readonly ms: number
}

/**
 * Reads a jsonlog. A statement of the extended protocol has lines for parse, bind and execute; they are added up.
 *
 * @param text whole lines
 */
export function statementsOf(text: string): LoggedStatement[] {
  const before = new Map<number, number>()
  return text.split('\n').flatMap((line) => {
    if (line === '') return []
    // The server writes one object a line, with these fields where they apply.
    const { dbname, pid, message, application_name } = JSON.parse(line) as Record<string, unknown>
    if (application_name === OURS || typeof pid !== 'number') return []
    const found = /^duration: ([\d.]+) ms {2}(parse|bind|execute|statement)[^:]*: ([^]*)$/.exec(String(message))
    if (found === null) return []
    const [, ms, phase, statement = ''] = found
    const sum = (before.get(pid) ?? 0) + Number(ms)
    if (phase === 'parse' || phase === 'bind') {
      before.set(pid, sum)
      return []
    }
    before.delete(pid)
    return [{ database: String(dbname), pid, text: statement, ms: sum }]
  })
}
