/**
 * Writes docs/errors.md from the tables of codes in the built package: `node docs/tools/error-codes.mjs`.
 * A test fails when the page is not what this writes.
 */

import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { JOB_ERRORS } from '../../dist/job/errors.js'
import { RUNNER_ERRORS } from '../../dist/runner/errors.js'
import { STORE_ERRORS } from '../../dist/store/errors.js'

/** Codes that are stored with a job, as the `code` of its error. */
const STORED_ERRORS = {
  ERR_JOB_TIMEOUT: 'the attempt ran longer than its timeout',
  ERR_NODE_DIED: 'the process that ran the job died',
  ERR_PROCESS_ENDED: 'code of the job ended its process, by process.exit() or an error that nobody caught',
  ERR_QUARANTINED: 'the job was running in three crashes in a row and was set aside',
  ERR_ROW_BROKEN: 'the row of the job cannot be read',
}

/** Codes of `millrace/stage`. */
const STAGE_ERRORS = {
  ERR_AMBIGUOUS_PRODUCER: 'a definition that runs more than once was subscribed to; use a name',
  ERR_ASSERTION: 'a bug in millrace; please report it',
  ERR_BAD_DEMAND: 'a demand is no whole number of 0 or more',
  ERR_BAD_RETURN: 'a callback returned something that its contract does not know',
  ERR_CALL_TIMEOUT: 'a call was not answered in time',
  ERR_CHILD_RUNNING: 'the child runs; stop it first',
  ERR_CHILD_START: 'a child of a supervisor did not start',
  ERR_DUPLICATE_CHILD: 'two children of a supervisor have one id',
  ERR_EXIT: 'the process that was called or started is gone; `reason` says why',
  ERR_MAX_CHILDREN: 'as many children of a supervisor run as its maxChildren says',
  ERR_NAME_TAKEN: 'a running process has the name',
  ERR_NOT_A_CONSUMER: 'the stage accepts no events',
  ERR_NOT_A_PRODUCER: 'the stage emits no events',
  ERR_NO_HANDLER: 'the stage has no callback for calls',
  ERR_NULL_EVENT: 'a Node.js stream cannot carry the event `null`, which means its end; wrap the events',
  ERR_PROBE_ENDED: 'the subscription of a probe has ended, or its stage is gone; the message says why',
  ERR_PROBE_TIMEOUT: 'what a probe waited for did not come in time; the message says what was asked for and what came',
  ERR_SYSTEM_STOPPED: 'the system was stopped',
  ERR_THROWN: 'a callback threw something that is no Error',
  ERR_UNKNOWN_CHILD: 'the supervisor has no child of that id',
}

/**
 * @typedef {object} Section
 * @property {string} heading
 * @property {string} sentence
 * @property {Readonly<Record<string, string>>} codes each with its meaning
 */

/** @type {readonly Section[]} */
export const SECTIONS = [
  {
    heading: 'Jobs and configuration',
    sentence: 'Thrown by `createRunner`, `job`, `enqueue`, `result` and `currentJob`.',
    codes: JOB_ERRORS,
  },
  {
    heading: 'The database',
    sentence:
      'Thrown by whatever needs the database. Only `ERR_STORE_UNAVAILABLE` and `ERR_STORE_FULL` are worth another try, and `ERR_OUTCOME_UNKNOWN` with the ids that the error has.',
    codes: STORE_ERRORS,
  },
  { heading: 'The runner', sentence: 'Thrown by methods of a runner.', codes: RUNNER_ERRORS },
  {
    heading: 'Stored with a job',
    sentence: 'Never thrown: the `code` of an error in `job().error` and `job().attempts`.',
    codes: STORED_ERRORS,
  },
  { heading: 'The stage runtime', sentence: 'Thrown by `millrace/stage`.', codes: STAGE_ERRORS },
]

/** The page, formatted as the formatter would. */
export function errorPage() {
  const parts = SECTIONS.map(({ heading, sentence, codes }) => `## ${heading}\n\n${sentence}\n\n${table(codes)}`)
  const head = [
    '# Error codes',
    '',
    'Every error that millrace throws on purpose is a `RunnerError` with a `code`. Branch on the code: messages may change. A message says what failed, with which value, and what to do.',
    '',
    'This page is written by `docs/tools/error-codes.mjs`.',
  ].join('\n')
  return `${[head, ...parts].join('\n\n')}\n`
}

/** @param {Readonly<Record<string, string>>} codes */
function table(codes) {
  const rows = [['code', 'means'], ...Object.entries(codes).map(([code, meaning]) => [`\`${code}\``, meaning])]
  const [left = 0, right = 0] = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  const [head, ...rest] = rows.map(([code = '', meaning = '']) => `| ${code.padEnd(left)} | ${meaning.padEnd(right)} |`)
  return [head, `| ${'-'.repeat(left)} | ${'-'.repeat(right)} |`, ...rest].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(fileURLToPath(new URL('../errors.md', import.meta.url)), errorPage())
}
