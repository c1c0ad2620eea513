/** What a container of the image has to show. */
import assert from 'node:assert/strict';

import { readProcessStatus } from './container.ts';
import type { Container } from './container.ts';
import { untilHealthy } from './health.ts';

const tryToWrite = `try {
  require('node:fs').writeFileSync('/app/compile-cache/written', '');
} catch ({ code }) {
  process.stdout.write(code);
}`;

/** Ends the container. @throws Error for the first thing that is not as it should be */
export async function expectSound(container: Container, urls: { api: string; management: string }): Promise<void> {
  await untilHealthy(container, urls.api);
  const status = readProcessStatus(container.processId);
  assert.match(status['Uid']!, /^1000\s/, 'it runs as the user 1000');
  assert.match(status['Gid']!, /^1000\s/, 'and its group');
  assert.equal(BigInt(`0x${status['CapEff']}`), 0n, 'without capabilities');
  assert.equal(status['NoNewPrivs'], '1');
  assert.match(
    status['NSpid']!,
    /\s1$/,
    'and is the first process, which signals reach only where it listens for them',
  );

  const text = async (url: string): Promise<string> => {
    const response = await fetch(url, { signal: AbortSignal.timeout(10_000) });
    assert.equal(response.status, 200, url);
    return await response.text();
  };
  assert.match(await text(`${urls.management}/metrics`), /^# TYPE dcm_/m);
  await text(`${urls.management}/livez`);
  await text(`${urls.management}/readyz`);
  assert.match(await text(`${urls.api}/docs/`), /<html/i, 'the page of the contract is in the image');
  assert.equal(await container.run('write to the root', ['node', '--eval', tryToWrite]), 'EROFS');
  console.log(`user 1000, read-only root, healthy; resident memory ${status['VmRSS']}`);

  assert.equal(await container.stop(), 0, `it ends by SIGTERM with 0:\n${container.log}`);
  assert.match(container.log, /"msg":"stopped"\}\n$/);
  console.log('SIGTERM: ended with 0');
}
