/** The service's entry: its source, or in the folder that SP_TEST_BUILT names what the build made of it. */
import { join } from 'node:path';
import { nodeOptions } from '../../scripts/build/node-options.ts';

const built = process.env['SP_TEST_BUILT'];

export const mainFile = join(import.meta.dirname, '../..', built ? `${built}/main.js` : 'src/main.ts');

/** What Node is called with: built, the service runs as it ships. */
export const mainArguments = built ? [...nodeOptions, mainFile] : [mainFile];
