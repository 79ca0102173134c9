/** `millrace migrate` without changing anything: what it would do, and as a script. */

import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { postgresDatabase } from '../../support/postgres-database.ts'
import { openHandle } from '../../support/store-handle.ts'
import { cliProject } from './cli-project.ts'

const has = (shell: string): boolean => spawnSync(shell, ['--version']).status === 0

describe('migrate --dry-run', () => {
  it('says what would be applied, and creates nothing', async () => {
    const project = cliProject()
    const { code, stdout } = await project.run(['migrate', '--dry-run'])
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/would go from version 0 to \d+: 0001_jobs/),
    })
    expect(existsSync(join(project.folder, 'millrace.db'))).toBe(false)
    expect((await project.json(['migrate', '--dry-run'])).document).toMatchObject({
      version: 1,
      from: 0,
      pending: expect.arrayContaining(['0001_jobs']),
    })
  })

  it('has nothing to say once all is applied', async () => {
    const project = cliProject()
    await project.run(['migrate'])
    const { document } = await project.json(['migrate', '--dry-run'])
    expect(document).toEqual({ version: 1, from: document.to, to: document.to, pending: [] })
    expect((await project.run(['migrate', '--dry-run'])).stdout).toContain('nothing to do')
  })

  it('refuses a newer schema', async () => {
    const project = cliProject()
    await project.run(['migrate'])
    const handle = openHandle(join(project.folder, 'millrace.db'))
    handle.exec('update millrace_schema set version = version + 1')
    handle.close()
    const { code, stderr } = await project.run(['migrate', '--dry-run'])
    expect({ code, stderr }).toEqual({ code: 3, stderr: expect.stringContaining('ERR_SCHEMA_NEWER') })
  })
})

describe('migrate --sql', () => {
  it('prints nothing but the script, and nothing at all when nothing is missing', async () => {
    const project = cliProject()
    const first = await project.run(['migrate', '--sql'])
    expect(first).toMatchObject({ code: 0, stderr: expect.stringContaining('0001_jobs') })
    expect(first.stdout).toMatch(
      /^-- millrace: [\s\S]*begin immediate;[\s\S]*update millrace_schema set version[\s\S]*commit;\n$/,
    )
    expect(existsSync(join(project.folder, 'millrace.db'))).toBe(false)
    const { document } = await project.json(['migrate', '--sql'])
    expect(document.pending[0]).toEqual({
      name: '0001_jobs',
      sql: expect.stringContaining('create table millrace_job'),
    })
    await project.run(['migrate'])
    expect(await project.run(['migrate', '--sql'])).toMatchObject({ code: 0, stdout: '' })
  })

  it('is a script for sqlite3, that does no harm the second time', async (context) => {
    if (!has('sqlite3')) context.skip('sqlite3 is not installed')
    const project = cliProject()
    const { stdout: script } = await project.run(['migrate', '--sql'])
    const file = join(project.folder, 'millrace.db')
    execFileSync('sqlite3', [file], { input: script })
    expect((await project.json(['migrate'])).document).toMatchObject({ applied: [] })
    expect((await project.run(['enqueue', 'work.echo'])).code).toBe(0)
    const again = spawnSync('sqlite3', [file], { input: script, encoding: 'utf8' })
    expect({ status: again.status, stderr: again.stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('already exists'),
    })
    expect((await project.json(['ls'])).document.jobs).toHaveLength(1)
  })
})

describe('migrate on PostgreSQL', () => {
  it('says what would be applied without creating it, applies it, and then has nothing to do', async () => {
    const project = cliProject()
    const { url } = await postgresDatabase()
    const withPassword = url.replace('//postgres@', '//postgres:s%2Fecret@')
    const dry = ['migrate', '--url', withPassword, '--dry-run']
    expect((await project.json(dry)).document).toMatchObject({
      from: 0,
      pending: expect.arrayContaining(['0001_jobs']),
    })
    const { stdout, stderr } = await project.run(dry)
    expect(stdout).toMatch(/postgres:\*\*\*@.* would go from version 0 to \d+: 0001_jobs/)
    expect(`${stdout}${stderr}`).not.toContain('ecret')
    const { document } = await project.json(['migrate', '--url', url])
    expect(document).toMatchObject({ from: 0, applied: expect.arrayContaining(['0001_jobs']) })
    expect((await project.json(dry)).document).toEqual({ version: 1, from: document.to, to: document.to, pending: [] })
  })

  it('prints a script for psql, that does no harm the second time', async (context) => {
    if (!has('psql')) context.skip('psql is not installed')
    const project = cliProject()
    const { url } = await postgresDatabase()
    const { stdout: script } = await project.run(['migrate', '--url', url, '--sql'])
    const psql = () => spawnSync('psql', ['--no-psqlrc', '--quiet', url], { input: script, encoding: 'utf8' })
    expect(psql()).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect((await project.json(['migrate', '--url', url])).document).toMatchObject({ applied: [] })
    expect(psql().stderr).toContain('already exists')
    expect((await project.json(['migrate', '--url', url, '--dry-run'])).document).toMatchObject({ pending: [] })
    expect((await project.json(['ls', '--url', url])).document.jobs).toEqual([])
  })
})
