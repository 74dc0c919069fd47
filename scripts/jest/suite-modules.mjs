import { existsSync, readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { SourceTextModule, SyntheticModule } from 'node:vm';
import { compiled } from './compiled.mjs';

/** Packages and the build, by specifier: Node loads them once for all suites of a process. */
const shared = new Map();
/** The last source of each file with its JavaScript: most files belong to many suites. */
const sources = new Map();

/** The modules of one suite: copies of its own of all TypeScript, and the modules of Node for everything else. */
export class SuiteModules {
  #modules = new Map();
  #globals;
  #linking = Promise.resolve();

  /** `globals` is what `@jest/globals` exports; `sourceMaps` is told where the map of each file is. */
  constructor(globals, sourceMaps) {
    this.#globals = syntheticModule('@jest/globals', globals);
    this.sourceMaps = sourceMaps;
  }

  import = async (path) => (await this.#evaluated(this.#compiledModule(path))).namespace;

  async #evaluated(module) {
    // Graphs are linked one after another: two at once would take the unfinished modules of each other for linked ones.
    const link = () => module.status === 'unlinked' && module.link(this.#find);
    this.#linking = this.#linking.then(link, link);
    await this.#linking;
    await module.evaluate();
    return module;
  }

  #find = (specifier, { identifier }) => {
    if (specifier === '@jest/globals') return this.#globals;
    if (!/^(\.|file:)/.test(specifier)) return sharedModule(specifier);
    const path = specifier.startsWith('.') ? resolve(dirname(identifier), specifier) : fileURLToPath(specifier);
    const source = path.replace(/\.js$/, '.ts');
    const isTypeScript = source.endsWith('.ts') && (this.#modules.has(source) || existsSync(source));
    return isTypeScript ? this.#compiledModule(source) : sharedModule(pathToFileURL(path).href);
  };

  #compiledModule(path) {
    let module = this.#modules.get(path);
    if (module === undefined) {
      const { code, map } = javaScriptOf(path);
      this.sourceMaps.set(path, map);
      module = new SourceTextModule(code, {
        identifier: path,
        initializeImportMeta: (meta) =>
          Object.assign(meta, { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) }),
        importModuleDynamically: async (specifier, referrer) =>
          this.#evaluated(await this.#find(specifier, { identifier: referrer.identifier })),
      });
      this.#modules.set(path, module);
    }
    return module;
  }
}

function javaScriptOf(path) {
  const source = readFileSync(path, 'utf8');
  let known = sources.get(path);
  if (known?.source !== source) sources.set(path, (known = { source, ...compiled(path, source) }));
  return known;
}

function sharedModule(specifier) {
  let loading = shared.get(specifier);
  if (loading === undefined) {
    loading = import(specifier).then((namespace) => syntheticModule(specifier, namespace));
    shared.set(specifier, loading);
  }
  return loading;
}

function syntheticModule(identifier, exports) {
  const names = Object.keys(exports);
  return new SyntheticModule(
    names,
    function () {
      for (const name of names) this.setExport(name, exports[name]);
    },
    { identifier },
  );
}
