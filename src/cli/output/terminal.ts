/**
 * The only way out: data to standard output, words to standard error. Nothing that a terminal obeys gets through but colours,
 * and those only to a terminal that wants them. When the reader of a pipe goes away (`| head`), the rest is dropped quietly.
 */

import type { Writable } from 'node:stream'
import { createInterface } from 'node:readline/promises'

import pico from 'picocolors'

import { withoutControls } from './clean-text.ts'
import { jsonDocument } from './json.ts'

/** A stream that may be a terminal. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** What a {@link Terminal} is made of. */
export interface TerminalOptions {
  readonly stdin: NodeJS.ReadStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  readonly env: Readonly<Record<string, string | undefined>>
  readonly isJson: boolean
  readonly isVerbose: boolean
  /** Whether colours may be used on a terminal that has them. */
  readonly mayColor: boolean
}

/** Colours for one stream; all of them leave the text as it is where there is no colour. */
export type Colors = ReturnType<typeof pico.createColors>

/** See the head of this file. */
export class Terminal {
  readonly isJson: boolean
  readonly isVerbose: boolean
  /** Whether somebody is there who can be asked. */
  readonly isInteractive: boolean
  /** For what is printed. */
  readonly colors: Colors
  /** For what is said. */
  readonly wordColors: Colors
  /** Where printed lines are cut: the width of the terminal; nowhere in a pipe. */
  readonly width: number | undefined
  readonly #options: TerminalOptions
  readonly #broken = new Set<Writable>()

  constructor(options: TerminalOptions) {
    const { stdin, stdout, stderr, env, isJson, isVerbose, mayColor } = options
    const isPlain = !mayColor || (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb'
    this.#options = options
    this.isJson = isJson
    this.isVerbose = isVerbose
    this.isInteractive = !isPlain && !isJson && stdin.isTTY && stderr.isTTY === true
    this.colors = pico.createColors(!isPlain && stdout.isTTY === true)
    this.wordColors = pico.createColors(!isPlain && stderr.isTTY === true)
    this.width = stdout.isTTY === true ? stdout.columns : undefined
    // Without a listener the loss of a reader would end the process with a stack trace.
    for (const stream of [stdout, stderr]) stream.on('error', () => this.#broken.add(stream))
  }

  /** Prints lines of data for people; with `--json` nothing, since the document says it all. */
  print(...lines: readonly string[]): void {
    if (!this.isJson) this.#write(this.#options.stdout, lines, this.colors)
  }

  /** Prints the JSON document of the answer; without `--json` nothing. */
  printJson(content: Readonly<Record<string, unknown>>): void {
    if (this.isJson) this.#write(this.#options.stdout, [jsonDocument(content)], this.colors)
  }

  /**
   * Writes a line of JSON, with its line end, of which there may be any number: for a command that prints no single document.
   * Waits until it is taken; answers false when its reader has gone.
   */
  async printLine(line: string): Promise<boolean> {
    const { stdout } = this.#options
    if (this.#broken.has(stdout)) return false
    await new Promise<void>((resolve) => stdout.write(line, () => resolve()))
    return !this.#broken.has(stdout)
  }

  /** Says something about what is going on. */
  say(...lines: readonly string[]): void {
    this.#write(this.#options.stderr, lines, this.wordColors)
  }

  /** Says something that matters only to who looks for a fault. */
  sayVerbose(...lines: readonly string[]): void {
    if (this.isVerbose) this.say(...lines.map((line) => this.wordColors.dim(line)))
  }

  /** Asks a question; only a yes is a yes. */
  async ask(question: string): Promise<boolean> {
    const { stdin, stderr } = this.#options
    const prompt = createInterface({ input: stdin, output: stderr })
    try {
      const closed = new Promise<string>((resolve) => prompt.once('close', () => resolve('')))
      const text = withoutControls(`${question} [y/N] `, { keepColors: this.wordColors.isColorSupported })
      const answer = await Promise.race([prompt.question(text), closed])
      return /^y(es)?$/i.test(answer.trim())
    } finally {
      prompt.close()
    }
  }

  /** Waits until everything that was written is with its readers. */
  async flush(): Promise<void> {
    const { stdout, stderr } = this.#options
    for (const stream of [stdout, stderr]) {
      if (!this.#broken.has(stream)) await new Promise<void>((resolve) => stream.write('', () => resolve()))
    }
  }

  #write(stream: OutputStream, lines: readonly string[], { isColorSupported }: Colors): void {
    if (this.#broken.has(stream)) return
    const text = lines.map((line) => withoutControls(line, { keepColors: isColorSupported })).join('\n')
    stream.write(`${text}\n`)
  }
}
