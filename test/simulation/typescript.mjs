// Lets Node run the TypeScript of src and test, with the parts of the simulation in place of a few modules of the product.
import { register } from 'node:module';

register('./typescript-hooks.mjs', import.meta.url);
