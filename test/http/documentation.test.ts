/** The document that the service validates by is the one that it serves, and the page shows it to people. */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { parse } from 'yaml';
import { packageFile } from '../../src/http/document.ts';
import { conformingFetch } from '../support/conformance.ts';
import { startHttpServer } from '../support/http.ts';

const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

test('the document is served as it was written, and the same as JSON', async (t) => {
  await using server = await startHttpServer();
  const written = await readFile(packageFile('openapi/openapi.yaml'), 'utf8');
  const yaml = await conformingFetch(`${server.url}/openapi.yaml`);
  t.match(yaml.headers.get('content-type'), /^application\/yaml/);
  t.equal(await yaml.text(), written);
  const json = await conformingFetch(`${server.url}/openapi.json`);
  t.match(json.headers.get('content-type'), /^application\/json/);
  t.same(await json.json(), parse(written));
});

test('the page and all its parts come from this server, and ask for nothing over HTTPS', async (t) => {
  await using server = await startHttpServer();
  for (const path of ['/docs', '/docs/']) {
    const page = await conformingFetch(`${server.url}${path}`);
    t.equal(page.status, 200, path);
    t.notMatch(page.headers.get('content-security-policy'), /upgrade-insecure-requests|https:/);
    const html = await page.text();
    const parts = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, reference]) => reference!);
    t.ok(parts.length >= 5);
    for (const part of parts) {
      const url = new URL(part, `${server.url}${path}`);
      t.equal(url.origin, server.url, part);
      t.equal((await conformingFetch(url)).status, 200, part);
    }
  }
});

test('what is not there below the page is a problem', async (t) => {
  await using server = await startHttpServer();
  for (const path of ['/docs/static/nope.js', '/docs/nope', '/docs/static/..%2f..%2fpackage.json']) {
    t.equal((await conformingFetch(`${server.url}${path}`)).status, 404, path);
  }
});

const missing = await access(chromium).then(
  () => false,
  () => `${chromium} is not installed: the page was not looked at in a browser`,
);
const inCi = process.env.CI === 'true';

test(
  'a browser shows every operation, over plain HTTP, under any host name, without the internet',
  {
    skip: inCi ? false : missing,
  },
  async (t) => {
    await using server = await startHttpServer();
    const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
    t.teardown(() => rm(profile, { recursive: true, maxRetries: 5 }));
    // Not a loopback name, which browsers trust as they do HTTPS; no other name can be resolved.
    const host = 'provider.example';
    const { stdout } = await promisify(execFile)(
      chromium,
      [
        ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
        ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
        `--user-data-dir=${profile}`,
        `--host-resolver-rules=MAP ${host} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
        '--virtual-time-budget=20000',
        '--dump-dom',
        `http://${host}:${server.port}/docs`,
      ],
      { maxBuffer: 1 << 25, timeout: 120_000 },
    );
    for (const text of ['Kubernetes container service provider', '/api/v1alpha1', 'Create a container']) {
      t.ok(stdout.includes(text), text);
    }
    for (const operation of ['ListContainers', 'CreateContainer', 'GetHealth', 'GetContainer', 'DeleteContainer']) {
      t.ok(stdout.includes(`-${operation}"`), operation);
    }
  },
);
