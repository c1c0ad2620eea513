/** The service's entry: its source, or in the folder that SP_TEST_BUILT names what the build made of it. */
import { join } from 'node:path';

const built = process.env['SP_TEST_BUILT'];

export const mainFile = join(import.meta.dirname, '../..', built ? `${built}/main.js` : 'src/main.ts');
