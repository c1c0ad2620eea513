import { readFile } from 'node:fs/promises';

import t from 'tap';

import { installFile, renderInstallation } from '../../scripts/install-yaml.ts';

t.test('install.yaml is what the chart renders', async (t) => {
  t.equal(await readFile(installFile, 'utf8'), await renderInstallation());
});
