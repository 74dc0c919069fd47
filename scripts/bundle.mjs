// Joins the modules of a build and the packages that they use into few files. A process then starts in half the time, since
// most of a start is finding, reading and linking about two thousand files.
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { rolldown } from 'rolldown';

const [modules, folder] = process.argv.slice(2);

/** Packages that find files beside their own: a native module, workers, pages. */
const OWN_FILES = ['lmdb', 'pino', 'pino-pretty', 'swagger-ui-dist'];
/** Packages that another one uses if they are installed. They are not. */
const ABSENT =
  /^(?:@nestjs\/(?:microservices|websockets|platform-express|mongoose|typeorm|sequelize|axios)|@mikro-orm\/core|@grpc\/.*|@fastify\/(?:view|multipart)|class-transformer\/storage|typeorm|sequelize|mongoose|bufferutil|utf-8-validate)(?:\/|$)/;

const bundle = await rolldown({
  input: { main: join(modules, 'main.js'), 'cli/main': join(modules, 'cli/main.js') },
  platform: 'node',
  external: [/^node:/, ...builtinModules, ...OWN_FILES, ABSENT],
  onLog(level, { code, message }) {
    if (level === 'info' || code === 'CIRCULAR_DEPENDENCY') return;
    // A package that is missing at run time must fail here.
    throw new Error(message);
  },
});
await bundle.write({
  dir: folder,
  format: 'esm',
  chunkFileNames: '[name].js',
  // Errors and tokens of the framework carry the names of classes.
  keepNames: true,
  // Without it, decorators of one module run before the module that they need.
  strictExecutionOrder: true,
});
await bundle.close();
