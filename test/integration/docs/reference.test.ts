/** The pages that repeat what the code says agree with it. */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { beforeAll, describe, expect, it } from 'vitest'

import { JOB_STATES } from '../../../src/job/job.ts'
import { JOB_EVENTS, TRANSITIONS } from '../../../src/job/lifecycle.ts'
import { filesIn, root } from '../../package/package-files.ts'
import { readDocument } from './documents.ts'

describe('docs/lifecycle.md', () => {
  const rows = tableRows(readDocument('docs/lifecycle.md'))

  it('describes every state', () => {
    const states = rows.filter((row) => row.length === 2).map(([state]) => state)
    expect(states).toEqual(JOB_STATES)
  })

  it('has exactly the transitions of the code', () => {
    const written = rows.filter((row) => row.length === 4).map(([from, event, to]) => `${from} ${event} ${to}`)
    const real = Object.entries(TRANSITIONS).flatMap(([from, events]) =>
      Object.entries(events).map(([event, to]) => `${from} ${event} ${to}`),
    )
    expect(written.toSorted()).toEqual(real.toSorted())
  })

  it('names every event and state in its picture', () => {
    const picture = /```text\n([\s\S]*?)```/.exec(readDocument('docs/lifecycle.md'))?.[1] ?? ''
    expect([...JOB_STATES, ...JOB_EVENTS].filter((word) => !picture.includes(word))).toEqual([])
  })
})

/** The first word in backquotes of each cell, for the rows of all tables that begin with one. */
function tableRows(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => /^\s*`([^`]+)`/.exec(cell)?.[1] ?? cell.trim()),
    )
}

interface ErrorCodes {
  readonly SECTIONS: readonly { readonly codes: Readonly<Record<string, string>> }[]
  errorPage(): string
}

describe('docs/errors.md', () => {
  let tool: ErrorCodes
  beforeAll(async () => {
    // What the tool exports, see its file.
    tool = (await import(pathToFileURL(join(root, 'docs/tools/error-codes.mjs')).href)) as ErrorCodes
  })

  it('is fresh', () => {
    expect(readDocument('docs/errors.md')).toBe(tool.errorPage())
  })

  it('has each code once', () => {
    const codes = tool.SECTIONS.flatMap(({ codes: table }) => Object.keys(table))
    expect(codes).toEqual([...new Set(codes)])
  })

  it('has every code that is in the sources, and no other', () => {
    const sources = filesIn('src').filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    const used = new Set<string>()
    // Codes of Node.js that the sources recognise, but do not throw.
    const foreign = new Set(['ERR_MODULE_NOT_FOUND'])
    for (const path of sources) {
      for (const [code] of readFileSync(join(root, path), 'utf8').matchAll(/\bERR_[A-Z_]+\b/g)) {
        if (!foreign.has(code)) used.add(code)
      }
    }
    const written = tool.SECTIONS.flatMap(({ codes: table }) => Object.keys(table))
    expect(written.toSorted()).toEqual([...used].toSorted())
  })
})

describe('docs/telemetry.md', () => {
  it('has the events of the code; `node docs/tools/events.mjs` writes them', async () => {
    // What the tool exports, see its file.
    const { withEvents } = (await import(pathToFileURL(join(root, 'docs/tools/events.mjs')).href)) as {
      withEvents(page: string): string
    }
    const page = readDocument('docs/telemetry.md')
    expect(page).toBe(withEvents(page))
  })
})

describe('docs/ARCHITECTURE.md', () => {
  const text = readDocument('docs/ARCHITECTURE.md')

  it('has every folder, and the table of layers that is enforced', () => {
    const rows = new Map(
      tableRows(section(text, 'Who may import whom')).map(([folder = '', may = '']) => [folder, wordsOf(may)]),
    )
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    expect(folders.map(({ name }) => name).filter((name) => !rows.has(name))).toEqual([])
    const layers = readDocument('test/package/layers.test.ts')
    const enforced = [...rows.keys()].map((folder) => [folder, enforcedFor(layers, folder, rows)])
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(enforced))
  })

  it('names only files that exist', () => {
    const named = text.match(/`[\w-]+\/[\w./-]+\.(?:ts|sql|md)`/g) ?? []
    const missing = named.map((name) => name.slice(1, -1)).filter((name) => !exists(name))
    expect(missing).toEqual([])
  })
})

function exists(name: string): boolean {
  return ['.', 'src', 'docs'].some((folder) => existsSync(join(root, folder, name)))
}

function section(markdown: string, heading: string): string {
  return markdown.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
}

/** What the table of the layers test allows a folder, without folders that are only planned. */
function enforcedFor(layers: string, folder: string, known: ReadonlyMap<string, unknown>): string[] {
  const list = new RegExp(`^  ${folder}: \\[([^\\]]*)\\]`, 'm').exec(layers)?.[1] ?? ''
  const words = list.match(/[\w./-]+/g) ?? []
  return words.filter((word) => word.includes('.') || known.has(word)).toSorted()
}

function wordsOf(cell: string): string[] {
  return (cell.match(/[\w./-]+/g) ?? []).filter((word) => word !== 'nothing').toSorted()
}

describe('docs/guides/settings-and-sizing.md', () => {
  const page = readDocument('docs/guides/settings-and-sizing.md')

  it.each([
    ['src/runner/config.ts', 'ClientOptions RunnerOptions', 'Options of createRunner', 0],
    ['src/runner/config.ts', 'QueueOptions', 'Options of a queue', 0],
    ['src/job/job-definition.ts', 'JobOptions', 'Options of job() and enqueue', 0],
    ['src/job/enqueue-options.ts', 'EnqueueOptions', 'Options of job() and enqueue', 1],
  ])('has every option of %s, %s, with its default, and no other', (file, names, heading, table) => {
    expectSameOptions(page, file, names, heading, table)
  })
})

function expectSameOptions(page: string, file: string, names: string, heading: string, table: number): void {
  const written = tablesIn(section(page, heading))[table] ?? new Map<string, string>()
  const source = readFileSync(join(root, file), 'utf8')
  const real = new Map(names.split(' ').flatMap((name) => [...optionsOf(source, name)]))
  expect([...written.keys()].toSorted()).toEqual([...real.keys()].toSorted())
  const wrong = [...real].filter(
    ([option, value]) => value !== undefined && written.get(option)?.includes(value) !== true,
  )
  expect(wrong).toEqual([])
}

describe('docs/stage-options.md', () => {
  const page = readDocument('docs/stage-options.md')

  it.each([
    ['src/stage/subscription.ts', 'SubscriptionRequest', 'Subscriptions', 0],
    ['src/stage/system.ts', 'SubscribeCallOptions', 'Subscriptions', 1],
    ['src/stage/callbacks.ts', 'EmitterOptions ProducerCallbacks', 'Stages that emit', 0],
    ['src/process/runtime.ts', 'StartOptions', 'Starts', 0],
    ['src/process/call.ts', 'CallOptions', 'Calls', 0],
    ['src/process/child-spec.ts', 'SupervisorOptions', 'Supervisors', 0],
    ['src/process/child-spec.ts', 'ChildSpec', 'Children', 0],
    ['src/stage/consumer-supervisor.ts', 'ConsumerSupervisorOptions', 'Consumer supervisors', 0],
    ['src/stage/ready-made/polling-producer.ts', 'PollingProducerOptions', 'Ready-made stages', 0],
    ['src/stage/ready-made/rate-limited-producer.ts', 'RateLimitedProducerOptions', 'Ready-made stages', 1],
    ['src/stage/ready-made/buffering-producer.ts', 'BufferingProducerOptions', 'Ready-made stages', 2],
    ['src/stage/ready-made/batcher.ts', 'BatcherOptions', 'Ready-made stages', 3],
    ['src/stage/ready-made/partition-by-key.ts', 'PartitionByKeyOptions', 'Ready-made stages', 4],
    ['src/stage/interop/to-readable.ts', 'ReadOptions', 'Ready-made stages', 5],
    ['src/stage/interop/to-writable.ts', 'WriteOptions', 'Ready-made stages', 5],
    ['src/stage/dispatchers/demand.ts', 'DemandDispatcherOptions', 'Dispatchers', 0],
    ['src/stage/dispatchers/partition.ts', 'PartitionDispatcherOptions', 'Dispatchers', 1],
    ['src/stage/iterables.ts', 'FromIterableOptions FromAsyncIterableOptions', 'Iterables', 0],
    ['src/stage/stream.ts', 'StreamOptions', 'Iterables', 1],
    ['src/stage/probe.ts', 'ProbeOptions', 'Probes', 0],
    ['src/stage/probe.ts', 'ProbeWaitOptions', 'Probes', 1],
  ])('has every option of %s, %s, with its default, and no other', (file, names, heading, table) => {
    expectSameOptions(page, file, names, heading, table)
  })
})

/** The options of an interface, each with the default that its comment tells, if it tells one. */
function optionsOf(source: string, name: string): Map<string, string | undefined> {
  const body = new RegExp(`interface ${name}\\b[^{]*(?:<[^>]*>)?[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? ''
  const fields = body.matchAll(/\/\*\*([\s\S]*?)\*\/\s*readonly (\w+)\??:/g)
  return new Map(
    [...fields].map(([, comment = '', option = '']) => [option, /Default: (`[^`]+`|\d+)/.exec(comment)?.[1]]),
  )
}

/** The tables of a text: each has the rows' second cells by what is in backquotes in the first. */
function tablesIn(markdown: string): Map<string, string>[] {
  return markdown
    .split(/\n\n+/)
    .map((part) => part.trim())
    .filter((part) => part.startsWith('| option'))
    .map((part) => new Map(part.split('\n').flatMap((line) => rowOf(line))))
}

function rowOf(line: string): [string, string][] {
  const [, option, value] = /^\| `(\w+)`\s*\|([^|]*)\|/.exec(line) ?? []
  return option === undefined ? [] : [[option, value ?? '']]
}

describe('links', () => {
  const pages = ['README.md', 'CHANGELOG.md', 'SECURITY.md', ...filesIn('docs'), ...filesIn('examples')].filter(
    (path) => path.endsWith('.md'),
  )

  it.each(pages)('%s points at files that exist', (page) => {
    const targets = [...readDocument(page).matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target]) => target ?? '')
    const missing = targets
      .filter((target) => !/^[a-z]+:/.test(target))
      .filter((target) => !existsSync(join(root, dirname(page), target)))
    expect(missing).toEqual([])
  })
})
