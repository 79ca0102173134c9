import { PassThrough } from 'node:stream'
import type { ReadStream } from 'node:tty'

import { describe, expect, it } from 'vitest'

import { Terminal, type TerminalOptions } from './terminal.ts'

/** A terminal on streams of its own, which all look like a TTY. */
function aTerminal(options: Partial<TerminalOptions> = {}) {
  const stream = () => Object.assign(new PassThrough(), { isTTY: true, columns: 80 })
  const [stdin, stdout, stderr] = [stream(), stream(), stream()]
  const terminal = new Terminal({
    // Only what a terminal reads is there.
    stdin: stdin as unknown as ReadStream,
    stdout,
    stderr,
    env: {},
    isJson: false,
    isVerbose: false,
    mayColor: true,
    ...options,
  })
  const written = (from: PassThrough): string => String(from.read() ?? '')
  return { terminal, stdin, stdout, stderr, written }
}

describe('Terminal', () => {
  it('has colours, a width and questions on a TTY', () => {
    const { terminal } = aTerminal()
    expect(terminal.colors.red('x')).toBe('\u001b[31mx\u001b[39m')
    expect(terminal.isInteractive).toBe(true)
    expect(terminal.width).toBe(80)
  })

  it.each([
    ['--no-color', { mayColor: false }],
    ['NO_COLOR', { env: { NO_COLOR: '1' } }],
    ['TERM=dumb', { env: { TERM: 'dumb' } }],
    ['a pipe', { stdout: new PassThrough(), stderr: new PassThrough() }],
  ])('has neither with %s', (_, options) => {
    const { terminal } = aTerminal(options)
    expect(terminal.colors.red('x')).toBe('x')
    expect(terminal.wordColors.red('x')).toBe('x')
    expect(terminal.isInteractive).toBe(false)
  })

  it('keeps an empty NO_COLOR from meaning anything', () => {
    expect(aTerminal({ env: { NO_COLOR: '' } }).terminal.isInteractive).toBe(true)
  })

  it('prints for people or for programs, never both', () => {
    const people = aTerminal()
    people.terminal.print('line')
    people.terminal.printJson({ a: 1 })
    expect(people.written(people.stdout)).toBe('line\n')
    const programs = aTerminal({ isJson: true })
    programs.terminal.print('line')
    programs.terminal.printJson({ a: 1 })
    expect(programs.written(programs.stdout)).toBe('{"version":1,"a":1}\n')
  })

  it('lets nothing through that steers a terminal', () => {
    const { terminal, stdout, stderr, written } = aTerminal()
    terminal.print('\u001b[2Ja')
    terminal.say('\u001b]0;t\u0007b')
    expect([written(stdout), written(stderr)]).toEqual(['a\n', 'b\n'])
  })

  it.each([
    ['y\n', true],
    ['YES\n', true],
    ['n\n', false],
    ['\n', false],
    ['maybe\n', false],
  ])('takes the answer %j as %s', async (answer, isYes) => {
    const { terminal, stdin } = aTerminal()
    const asked = terminal.ask('sure?')
    stdin.write(answer)
    expect(await asked).toBe(isYes)
  })

  it('takes the end of the input as a no', async () => {
    const { terminal, stdin } = aTerminal()
    const asked = terminal.ask('sure?')
    stdin.end()
    expect(await asked).toBe(false)
  })

  it('drops what nobody reads any more', async () => {
    const { terminal, stdout } = aTerminal()
    stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
    await new Promise((resolve) => stdout.once('close', resolve))
    terminal.print('more')
    await terminal.flush()
  })
})
