/** `millrace doctor`: each fault that can be provoked is found and is exit code 1. */

import { chmodSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { MIN_ENGINE } from '../../../src/store/sqlite/engine.ts'
import { eventually } from '../../support/eventually.ts'
import { openHandle } from '../../support/store-handle.ts'
import { cliProject, emptyProject, type CliOptions, type CliProject } from './cli-project.ts'

interface Finding {
  readonly check: string
  readonly level: string
  readonly found: string
  readonly advice: string | null
}

/** Runs the doctor; answers its exit code and what is not well. */
async function doctor(project: CliProject, args: readonly string[] = [], options?: CliOptions) {
  const { code, document } = await project.json(['doctor', ...args], options)
  const findings: readonly Finding[] = document.findings
  return { code, findings, bad: findings.filter(({ level }) => level !== 'ok') }
}

/** A project whose database is there. */
async function migrated(): Promise<CliProject> {
  const project = cliProject()
  expect((await project.run(['migrate'])).code).toBe(0)
  return project
}

function change(project: CliProject, sql: string): void {
  const handle = openHandle(join(project.folder, 'millrace.db'))
  handle.exec(sql)
  handle.close()
}

describe('doctor', () => {
  it('exits with 0 when a worker serves a sound database, with one line for each check', async () => {
    const project = cliProject()
    await project.worker()
    const { code, stdout, stderr } = await project.run(['doctor', '--thorough'])
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining('all is well') })
    const checks = stdout.trim().split('\n')
    const names = ['engine', 'file', ...(process.platform === 'linux' ? ['disk'] : [])]
    expect(checks.map((line) => line.split(/ +/).slice(0, 2).join(' '))).toEqual(
      [...names, 'schema', 'clock', 'integrity', 'nodes', 'queues'].map((name) => `ok ${name}`),
    )
  })

  it('warns when no worker runs, and still exits with 0', async () => {
    const { code, bad } = await doctor(await migrated())
    expect({ code, bad }).toEqual({
      code: 0,
      bad: [{ check: 'nodes', level: 'warning', found: 'no worker is running', advice: expect.any(String) }],
    })
  })

  it('exits with 3 when there is no database, and makes none', async () => {
    const project = cliProject()
    for (const args of [[], ['--database', 'sqlite:./other.db']]) {
      const { code, stdout, stderr } = await project.run(['doctor', ...args])
      expect({ code, stdout, stderr }).toEqual({
        code: 3,
        stdout: '',
        stderr: expect.stringContaining('millrace migrate'),
      })
    }
    expect((await project.run(['ls'])).code).toBe(3)
  })

  it('says what to do in the same line', async () => {
    const project = await migrated()
    change(project, 'update millrace_schema set version = version + 1')
    const { code, stdout } = await project.run(['doctor'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^problem +schema +version \d+ was made by a newer millrace.*; use the newer millrace/m)
  })
})

describe('doctor finds', () => {
  it('a newer schema', async () => {
    const project = await migrated()
    change(project, 'update millrace_schema set version = version + 1')
    const { code, bad } = await doctor(project)
    expect({ code, bad }).toMatchObject({ code: 1, bad: [{ check: 'schema', level: 'problem' }] })
  })

  it('a database without the schema, and does not create it', async () => {
    const project = cliProject()
    project.write('millrace.db', '')
    for (let time = 0; time < 2; time++) {
      const { code, bad } = await doctor(project)
      expect({ code, bad }).toMatchObject({
        code: 1,
        bad: [{ check: 'schema', level: 'problem', advice: expect.stringContaining('millrace migrate') }],
      })
    }
  })

  it('a folder that may not be written', async () => {
    const project = await migrated()
    chmodSync(project.folder, 0o555)
    onTestFinished(() => chmodSync(project.folder, 0o755))
    // The superuser may write everywhere, so the command runs as nobody.
    const uid = process.getuid?.() === 0 ? 65_534 : undefined
    const { code, bad } = await doctor(project, ['--database', 'sqlite:./millrace.db'], { uid })
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [{ check: 'file', level: 'problem', found: expect.stringContaining('EACCES') }],
    })
  })

  it('an engine that loses writes', async () => {
    const project = await migrated()
    // Every copy of SQLite that the command can load says that it is an old one.
    project.write(
      'old-engine.cjs',
      `Object.defineProperty(process.versions, 'sqlite', { value: '3.45.1' })
       const { Module } = require('node:module')
       const load = Module._load
       Module._load = function (name, ...rest) {
         const exports = load.call(this, name, ...rest)
         if (name !== '@photostructure/sqlite') return exports
         return { ...exports, DatabaseSync: class extends exports.DatabaseSync {
           prepare(sql) { return super.prepare(sql.replace('sqlite_version()', "'3.45.1'")) }
         } }
       }`,
    )
    const env = { NODE_OPTIONS: `--require ${join(project.folder, 'old-engine.cjs')}` }
    const { code, bad } = await doctor(project, [], { env })
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [
        {
          check: 'engine',
          level: 'problem',
          found: expect.stringContaining('3.45.1'),
          advice: expect.stringContaining(MIN_ENGINE),
        },
      ],
    })
  })

  it('a worker that was killed', async () => {
    const project = cliProject()
    const worker = await project.worker()
    worker.child.kill('SIGKILL')
    await worker.ended
    const silent = await eventually(
      async () => {
        const found = await doctor(project)
        return found.code === 1 && found
      },
      { withinMs: 15_000 },
    )
    expect(silent.bad).toContainEqual(
      expect.objectContaining({
        check: 'nodes',
        level: 'problem',
        found: expect.stringContaining(`pid ${worker.child.pid}`),
      }),
    )
    // The next worker declares it dead; that it died stays worth knowing for an hour.
    await project.worker()
    const dead = await eventually(
      async () => {
        const found = await doctor(project)
        return found.bad.some(({ found: text }) => text.includes('died in the last hour')) && found
      },
      { withinMs: 15_000 },
    )
    expect(dead).toMatchObject({ code: 1, bad: [{ check: 'nodes', level: 'problem' }] })
  })

  it('jobs that wait in a queue without a worker', async () => {
    const project = cliProject()
    await project.run(['enqueue', 'work.echo', '--queue', 'email'])
    await project.worker('--queues', 'default')
    const { code, bad } = await doctor(project)
    expect({ code, bad }).toMatchObject({
      code: 1,
      bad: [{ check: 'queues', level: 'problem', found: expect.stringContaining('"email" (1)') }],
    })
  })

  it('a clock that was set back', async () => {
    const project = cliProject()
    const worker = await project.worker()
    worker.child.kill('SIGSTOP')
    change(project, `update millrace_node set beat_at = beat_at + 3600000`)
    const { code, bad } = await doctor(project)
    expect({ code, bad }).toMatchObject({ code: 1, bad: [{ check: 'clock', level: 'problem' }] })
  })

  it('a file that is no database', async () => {
    const project = emptyProject()
    project.write('text.db', 'hello, this is no database at all')
    const { code, bad } = await doctor(project, ['--database', 'sqlite:./text.db'])
    expect({ code, bad }).toMatchObject({ code: 1, bad: [{ check: 'file', level: 'problem' }] })
  })
})
