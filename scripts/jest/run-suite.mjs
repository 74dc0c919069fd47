// Runs a suite for jest. Circus, the part of jest that runs cases, is the usual one; modules come from SuiteModules.
import { createRequire } from 'node:module';
import { SuiteModules } from './suite-modules.mjs';

const require = createRequire(import.meta.url);
const circus = require('jest-circus/runner').default;

/** A `testRunner` of jest. */
export default function runSuite(globalConfig, config, environment, runtime, path, sendMessageToJest) {
  // Listeners of the suite before; circus keeps them at the global object.
  delete globalThis[Symbol.for('EVENT_HANDLERS')];
  let modules;
  const ownRuntime = {
    /** Circus itself is loaded anew, since it keeps the cases of a suite; `expect` and the rest are not. */
    requireInternalModule(file) {
      delete require.cache[file];
      return require(file);
    },
    requireModule: require,
    setGlobalsForRuntime(globals) {
      modules = new SuiteModules({ ...globals, jest: environment.jest }, runtime.getSourceMaps());
    },
    unstable_shouldLoadAsEsm: () => true,
    unstable_importModule: (file) => modules.import(file),
    enterTestCode: () => runtime.enterTestCode(),
    leaveTestCode: () => runtime.leaveTestCode(),
  };
  return circus(globalConfig, config, environment, ownRuntime, path, sendMessageToJest);
}
