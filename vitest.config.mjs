import process from 'node:process'

import { defineConfig } from 'vitest/config'

import { foundSuites, vitestSuites } from './scripts/test/vitest-suites.mjs'

// A database of the developer is none of the tests' business; programs without the option `database` would use it.
delete process.env.DATABASE_URL

const TEST_FILES = '*.{test,spec}.?([cm])[jt]s?(x)'

/** One project per suite: `npx vitest run --project unit`. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    allowOnly: false,
    projects: [...vitestSuites, ...foundSuites()].map((suite) => ({
      test: {
        name: suite.name,
        include: [/\.[jt]s$/.test(suite.in) ? suite.in : `${suite.in}/**/${TEST_FILES}`],
        exclude: ['**/node_modules/**', ...(suite.but === undefined ? [] : [suite.but])],
        testTimeout: suite.testTimeoutMs,
        hookTimeout: suite.testTimeoutMs,
        globalSetup: suite.globalSetup ?? [],
      },
    })),
  },
})
