/** The newest NATS server, built with Go from the module beside this file: distributions have years-old ones. */
import { join } from 'node:path';

import { buildOnce, goBuild } from '../go/build-once.ts';

const moduleFolder = import.meta.dirname;
const module = 'github.com/nats-io/nats-server/v2';

/** The folder that has the executable, `nats-server`; built where it is not in the cache. */
export function findNewestNatsServer(): Promise<string> {
  return buildOnce({
    name: 'nats',
    moduleFolder,
    versionOf: module,
    describe: (version) => `nats-server ${version}`,
    build: (folder) => goBuild(moduleFolder, module, join(folder, 'nats-server')),
  });
}
