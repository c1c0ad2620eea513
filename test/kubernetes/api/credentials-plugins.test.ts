/** The official client is changed where it is private: a new version wants another look at `credentials-plugins.ts`. */
import { readFile } from 'node:fs/promises';
import { KubeConfig } from '@kubernetes/client-node';
import t from 'tap';

import { CredentialsPlugins } from '../../../src/kubernetes/api/credentials-plugins.ts';

t.test('the version of the client is the one whose private fields were looked at', async (t) => {
  const path = import.meta.resolve('@kubernetes/client-node').replace(/\/dist\/.*$/, '/package.json');
  const { version } = JSON.parse(await readFile(new URL(path), 'utf8')) as { version: string };
  t.equal(version, '2.0.1');
});

t.test('one authenticator of the client starts plugins, and it does so as it is told to', (t) => {
  const config = new KubeConfig();
  const starters = () =>
    (config as unknown as { authenticators: { execFn?: unknown }[] }).authenticators.flatMap(
      ({ execFn }) => execFn ?? [],
    );
  const before = starters();
  t.equal(before.length, 1);
  new CredentialsPlugins().watch(config);
  t.equal(starters().length, 1);
  t.not(starters()[0], before[0]);
  t.end();
});
