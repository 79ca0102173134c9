/** The logger port. */

/** How grave a log record is. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One thing worth telling the operator. */
export interface LogRecord {
  readonly level: LogLevel
  /** A stable word for what happened, such as `excess_events`: branch on this, never on the message. */
  readonly code: string
  /** The numbers and words that belong to the code, in a fixed order. */
  readonly args: readonly unknown[]
  /** A sentence for people; absent where the code says it all. */
  readonly message?: string | undefined
  /** The name of the stage that logged, if a stage did. */
  readonly stage?: string | undefined
}

/** Where log records go. A logger must not throw. */
export interface Logger {
  log(record: LogRecord): void
}

/** Writes warnings and errors to standard error, one line each; drops the rest. */
export function nodeLogger(): Logger {
  return {
    log: (record) => {
      if (record.level !== 'warn' && record.level !== 'error') return
      const where = record.stage === undefined ? '' : ` [${record.stage}]`
      const what = record.message ?? [record.code, ...record.args].map(describe).join(' ')
      process.stderr.write(`millrace ${record.level}${where}: ${what}\n`)
    },
  }
}

function describe(value: unknown): string {
  if (value instanceof Error) return value.stack ?? value.message
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
}
