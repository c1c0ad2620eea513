/** The document that the service validates by is the one that it serves, and the page shows it to people. */
import { readFile } from 'node:fs/promises';
import t from 'tap';
import { parse } from 'yaml';
import { packageFile } from '../../../src/http/contract/document.ts';
import type { OpenApiDocument, Response as DeclaredResponse } from '../../../src/http/contract/document.ts';
import { conformingFetch } from '../../../scripts/contract/conformance.ts';
import { problemTypes } from '../../../scripts/contract/problem-types.ts';
import { openPage, withoutBrowser } from '../../support/browser.ts';
import { startHttpServer } from '../../support/http.ts';
import { startOpenIdProvider } from '../../support/openid-provider.ts';

t.test('the document is served as it was written but for the one form of problems, as YAML and as JSON', async (t) => {
  await using server = await startHttpServer();
  const written = parse(await readFile(packageFile('openapi/openapi.yaml'), 'utf8')) as OpenApiDocument;
  const json = await conformingFetch(`${server.url}/openapi.json`);
  t.match(json.headers.get('content-type'), /^application\/json/);
  const served = (await json.json()) as OpenApiDocument;
  const { NamedProblem, UriProblem } = written.components!['schemas']!;
  t.same(served.components!['schemas']!['Problem'], problemTypes === 'uris' ? UriProblem : NamedProblem);
  t.same(withoutProblems(served), withoutProblems(written));
  t.equal(JSON.stringify(served).includes('INVALID_ARGUMENT'), problemTypes === 'names');
  const yaml = await conformingFetch(`${server.url}/openapi.yaml`);
  t.match(yaml.headers.get('content-type'), /^application\/yaml/);
  t.same(parse(await yaml.text()), served);
});

function withoutProblems({ components, ...document }: OpenApiDocument): object {
  const ofProblems = ['Problem', 'NamedProblem', 'UriProblem', 'Violation'];
  const schemas = Object.entries(components!['schemas']!).filter(([name]) => !ofProblems.includes(name));
  const responses = Object.entries(components!['responses'] as Record<string, DeclaredResponse>).map(
    ([name, { content, ...response }]) => [
      name,
      { ...response, schema: content?.['application/problem+json']?.schema },
    ],
  );
  return { ...document, components: { ...components, schemas, responses } };
}

t.test('the page and all its parts come from this server, and ask for nothing over HTTPS', async (t) => {
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

t.test('what is not there below the page is a problem', async (t) => {
  await using server = await startHttpServer();
  for (const path of ['/docs/static/nope.js', '/docs/nope', '/docs/static/..%2f..%2fpackage.json']) {
    t.equal((await conformingFetch(`${server.url}${path}`)).status, 404, path);
  }
});

t.test('a condition or a range that a part of the page does not meet is no failure of the service', async (t) => {
  await using server = await startHttpServer();
  const fetchPart = (headers: Record<string, string>) =>
    conformingFetch(`${server.url}/docs/static/swagger-ui.css`, { headers });
  t.equal((await fetchPart({ 'if-match': '"other"' })).status, 412);
  t.equal((await fetchPart({ 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' })).status, 412);
  const beyond = await fetchPart({ range: 'bytes=99999999-' });
  t.equal(beyond.status, 416);
  t.match(beyond.headers.get('content-range'), /^bytes \*\/[0-9]+$/);
  t.strictSame(
    server.logLines.filter(({ level }) => Number(level) >= 40),
    [],
  );
});

t.test(
  'a browser shows every operation, over plain HTTP, under any host name, without the internet',
  { skip: withoutBrowser },
  async (t) => {
    await using server = await startHttpServer();
    await using page = await openPage(server.port, '/docs');
    for (const operation of ['ListContainers', 'CreateContainer', 'GetHealth', 'GetContainer', 'DeleteContainer']) {
      t.ok(await page.text(`[id$="-${operation}"]`), operation);
    }
    const shown = await page.evaluate<string>('document.documentElement.outerHTML');
    for (const text of ['Kubernetes container service provider', '/api/v1alpha1', 'Create a container']) {
      t.ok(shown.includes(text), text);
    }
  },
);

t.test('the page sends a token once it has one', { skip: withoutBrowser }, async (t) => {
  await using issuer = await startOpenIdProvider();
  await using server = await startHttpServer({ tokens: { issuer: issuer.issuer, audience: 'containers' } });
  await using page = await openPage(server.port, '/docs/');
  const operation = '[id$="-ListContainers"]';
  const status = `${operation} .live-responses-table tbody .response-col_status`;
  await page.click(`${operation} .opblock-summary-control`);
  await page.click(`${operation} .try-out__btn`);
  await page.click(`${operation} .execute`);
  t.match(await page.text(status), /^401/);

  await page.click('.scheme-container .authorize');
  await page.fill('.auth-container input', await issuer.token());
  await page.click('.auth-btn-wrapper .authorize');
  await page.click('.auth-btn-wrapper .btn-done');
  await page.click(`${operation} .btn-clear`);
  await page.click(`${operation} .execute`);
  t.match(await page.text(status), /^200/);
});
