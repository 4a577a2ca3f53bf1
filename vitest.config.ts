import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['*/src/**/*.test.ts', 'acceptance/**/*.test.ts'],
    globalSetup: ['test-kit/src/global-setup.ts'],
    // Only to end what hangs: a test that fails tells so by itself, and a busy machine takes its time.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
