/** Tests run as ES modules, transpiled by swc: Nest 12 has no CommonJS build. */
export default {
  testEnvironment: 'node',
  // Ends a case that hangs; a busy machine stays far below it.
  testTimeout: 180_000,
  roots: ['<rootDir>/src', '<rootDir>/test'],
  testSequencer: '<rootDir>/scripts/longest-first.mjs',
  testMatch: ['**/*.spec.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        sourceMaps: 'inline',
        module: { type: 'es6' },
        jsc: {
          target: 'es2023',
          keepClassNames: true,
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
        },
      },
    ],
  },
  coverageProvider: 'v8',
};
