/** Where the demo writes: a table that is refreshed in place on a terminal, a line now and then elsewhere. */

import picocolors from 'picocolors'

import type { Clock } from '../../index.ts'
import { boardLine, boardLines, explanation, type QueueStanding } from './board.ts'

/** What a terminal has and a file or a pipe has not. */
interface MaybeTerminal extends NodeJS.WritableStream {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Where there is no terminal, the board is one line this often. */
const LINE_EVERY_MS = 2_000
const TABLE_EVERY_MS = 250

/** Writes text and keeps the board below it. */
export class Screen {
  readonly #colors: ReturnType<typeof picocolors.createColors>
  readonly #out: MaybeTerminal
  readonly #clock: Clock
  readonly #isTerminal: boolean
  #boardHeight = 0
  #drawnAt = -Infinity
  #isExplained = false

  constructor(clock: Clock, out: NodeJS.WritableStream) {
    this.#clock = clock
    this.#out = out
    this.#isTerminal = this.#out.isTTY === true
    this.#colors = picocolors.createColors(this.#isTerminal && picocolors.isColorSupported)
  }

  /** Writes a line that stands out. */
  headline(text: string): void {
    this.print(this.#colors.bold(text))
  }

  /** Writes lines above the board. */
  print(...lines: readonly string[]): void {
    this.#out.write(`${this.#eraseBoard()}${lines.join('\n')}\n`)
  }

  /** Shows how the queues stand, unless that was done a moment ago. */
  drawBoard(standings: readonly QueueStanding[], elapsedMs: number): void {
    const now = this.#clock.monotonic()
    if (now - this.#drawnAt < (this.#isTerminal ? TABLE_EVERY_MS : LINE_EVERY_MS)) return
    this.#drawnAt = now
    if (!this.#isTerminal) {
      this.#out.write(`${boardLine(standings, elapsedMs)}\n`)
      this.#explainOnce(standings)
      return
    }
    // A line that wraps would take two rows and break the way back up.
    const lines = boardLines(standings).flatMap((line) => folded(line, (this.#out.columns ?? 80) - 1))
    const erase = this.#eraseBoard()
    this.#boardHeight = lines.length
    this.#out.write(`${erase}${lines.join('\n')}\n`)
  }

  /** Leaves the board as it is; what comes next goes below it. */
  leaveBoard(): void {
    this.#boardHeight = 0
  }

  /** In a log the sentence is worth reading once: when work waits for the first time. */
  #explainOnce(standings: readonly QueueStanding[]): void {
    if (this.#isExplained || standings.every(({ waiting }) => waiting === 0)) return
    this.#isExplained = true
    this.#out.write(`          ${explanation(standings)}\n`)
  }

  #eraseBoard(): string {
    const height = this.#boardHeight
    this.#boardHeight = 0
    return height === 0 ? '' : `\u001b[${height}A\u001b[0J`
  }
}

/** The line in pieces that fit into `width`, cut between words where there are any. */
function folded(line: string, width: number): string[] {
  const pieces: string[] = []
  let rest = line
  while (rest.length > width) {
    const space = rest.lastIndexOf(' ', width)
    const end = space > width / 2 ? space : width
    pieces.push(rest.slice(0, end))
    rest = rest.slice(end).trimStart()
  }
  return [...pieces, rest]
}
