/** Suites run in the realm of Node, each with its own copies of the modules of src and test; see docs/testing.md. */
export default {
  testEnvironment: '<rootDir>/scripts/jest/node-realm.mjs',
  testRunner: '<rootDir>/scripts/jest/run-suite.mjs',
  // Ends a case that hangs; a busy machine stays far below it.
  testTimeout: 180_000,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testSequencer: '<rootDir>/scripts/longest-first.mjs',
  testMatch: ['**/*.spec.ts'],
  injectGlobals: false,
  transform: {},
};
