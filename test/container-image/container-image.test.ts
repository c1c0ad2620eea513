import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import t from 'tap';

import { formatKubeconfig } from '../../scripts/sandbox/kubernetes/kubeconfig.ts';
import { findFreePort } from '../../scripts/free-port.ts';
import { required } from '../process/service.ts';
import { startProcess } from '../support/process.ts';
import { buildImage, userOf } from './build.ts';

const context = join(import.meta.dirname, '../..');

t.test('the steps of the Containerfile make an image that runs', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'container-image-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const image = buildImage({ context, folder, buildArguments: { VERSION: '1.2.3', REVISION: 'abcdef1234' } });
  const app = join(image.root, image.workingDirectory);

  t.test(
    'carries the built service, the licences and a list of what is in it, and neither packages nor sources',
    (t) => {
      for (const name of ['node_modules', 'src', 'scripts', 'test']) t.notOk(existsSync(join(app, name)), name);
      t.match(readFileSync(join(app, 'THIRD-PARTY-NOTICES.txt'), 'utf8'), /^fastify 5\.[^]*^undici 8\./m);
      const sbom = JSON.parse(readFileSync(join(app, 'sbom.cdx.json'), 'utf8')) as { components: { name: string }[] };
      t.ok(sbom.components.some(({ name }) => name === 'fastify'));
      t.ok(existsSync(join(app, 'LICENSE')));
      t.end();
    },
  );

  t.test('has a compile cache for its user', (t) => {
    const folder = join(app, image.env['NODE_COMPILE_CACHE']!);
    const files = readdirSync(folder, { recursive: true }).map((file) => statSync(join(folder, String(file))));
    const expected = userOf(image).uid ?? process.getuid?.();
    t.ok(files.some((file) => file.isFile() && file.uid === expected));
    t.end();
  });

  t.test('is labelled with its version and runs as a user who is not root', (t) => {
    t.equal(image.labels['org.opencontainers.image.version'], '1.2.3');
    t.equal(image.labels['org.opencontainers.image.revision'], 'abcdef1234');
    t.equal(image.labels['org.opencontainers.image.licenses'], 'Apache-2.0');
    t.match(image.user, /^[1-9]\d*(:\d+)?$/);
    t.end();
  });

  /** As the image's user where that can be had: it can write to nothing in the image. */
  const start = (command: string[], env: Record<string, string>) => {
    return startProcess(command[0]!, command.slice(1), {
      cwd: app,
      env: { ...image.env, ...env },
      bareEnvironment: true,
      ...userOf(image),
    });
  };

  t.test('has what its command compiles in the compile cache that this command looks into', async (t) => {
    const options = image.command.slice(
      0,
      image.command.findIndex((part) => part.endsWith('.js')),
    );
    await using asked = start([...options, '--print', "require('node:module').getCompileCacheDir()"], {});
    await asked.ended;
    const cache = asked.stdout().trim();
    const sizes = readdirSync(cache).map((file) => statSync(join(cache, file)).size);
    t.ok(
      sizes.some((size) => size > 100_000),
      `files of ${sizes.join(', ')} bytes`,
    );
  });

  t.test('names what is missing when it is started without configuration', async (t) => {
    await using service = start(image.command, {});
    t.strictSame(await service.ended, { code: 1, signal: null });
    t.match(service.stderr(), 'SP_NAME is required');
  });

  t.test('starts with the required variables alone, answers, and stops on SIGTERM', async (t) => {
    const kubeconfig = join(folder, 'kubeconfig');
    writeFileSync(kubeconfig, formatKubeconfig({ url: 'http://127.0.0.1:9' }));
    const address = `127.0.0.1:${await findFreePort()}`;
    const env = { ...required, SP_K8S_KUBECONFIG: kubeconfig, SP_SERVER_ADDRESS: address };
    await using service = start(image.command, env);
    await service.printed(/"msg":"listening"/);
    const health = await fetch(`http://${address}/api/v1alpha1/containers/health`);
    t.equal(health.status, 200);
    t.match(await health.json(), { status: 'unhealthy', version: /^\d+\.\d+\.\d+\+abcdef1$/ });
    t.equal((await fetch(`http://${address}/openapi.yaml`)).status, 200);
    t.equal((await fetch(`http://${address}/docs/`)).status, 200);

    await using check = start(image.healthCheck, env);
    t.strictSame(await check.ended, { code: 0, signal: null }, 'the health check passes');
    const management = `127.0.0.1:${await findFreePort()}`;
    await using otherCheck = start(image.healthCheck, { ...env, SP_MANAGEMENT_ADDRESS: management });
    t.strictSame(
      await otherCheck.ended,
      { code: 1, signal: null },
      'it asks the management address where there is one',
    );
    service.signal('SIGTERM');
    t.strictSame(await service.ended, { code: 0, signal: null });
    t.match(service.stdout(), /"msg":"stopped"\}\n$/);
    t.equal(service.stderr(), '');

    await using lateCheck = start(image.healthCheck, env);
    t.strictSame(await lateCheck.ended, { code: 1, signal: null }, 'the health check fails once it is gone');
  });

  t.end();
});
