/** A vitest reporter that writes down why tests were skipped (`context.skip(why)`), which the JSON reporter leaves out. */

import { writeFileSync } from 'node:fs'
import process from 'node:process'

export default class SkipNotesReporter {
  /** @param {readonly import('vitest/node').TestModule[]} modules */
  onTestRunEnd(modules) {
    const path = process.env.MILLRACE_SKIP_NOTES
    if (path === undefined) return
    const notes = modules.flatMap((module) =>
      [...module.children.allTests('skipped')].flatMap((test) => {
        const result = test.result()
        const note = result.state === 'skipped' ? result.note : undefined
        return note === undefined ? [] : [{ file: module.moduleId, name: test.fullName, note }]
      }),
    )
    writeFileSync(path, JSON.stringify(notes))
  }
}
