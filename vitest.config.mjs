import { defineConfig } from 'vitest/config'

import { foundSuites, vitestSuites } from './scripts/test/vitest-suites.mjs'

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
