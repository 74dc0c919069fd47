/** Folder of the code that runs, with its Lua files: src in tests, dist in the service, build for single modules. */
export const CODE = new URL('./', import.meta.url);
/** Folder of package.json, docs and examples. */
export const PACKAGE = new URL('../', CODE);
