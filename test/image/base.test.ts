import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import t from 'tap';

import { readBase } from '../../scripts/image/base.ts';
import { runStep } from '../../scripts/image/step.ts';

await t.test('the Containerfile has one base, for which a stand-in can be made', (t) => {
  const containerfile = readFileSync(join(import.meta.dirname, '../../Containerfile'), 'utf8');
  t.equal(readBase(containerfile), 'docker.io/library/node:24-slim');
  t.end();
});

await t.test('stages that start from other stages have no base of their own', (t) => {
  t.equal(readBase('FROM node AS build\nRUN true\nFROM build AS more\nFROM node\n'), 'node');
  t.throws(() => readBase('FROM node AS build\nFROM debian\n'), /has node, debian/);
  t.throws(() => readBase('RUN true\n'), /has none/);
  t.end();
});

await t.test('a step', async (t) => {
  const step = (script: string, seconds = 60) =>
    runStep({ name: 'try', seconds, command: 'sh', commandLine: ['-c', script] });

  await t.test('gives its standard output', async (t) => {
    t.equal(await step('echo out; echo err >&2'), 'out\n');
  });

  await t.test('that fails tells how, and what it said last', async (t) => {
    await t.rejects(
      step('echo out; echo err >&2; exit 3'),
      /^try: sh ended with 3; its last lines:\n(out\nerr|err\nout)$/,
    );
  });

  await t.test('that cannot be started is an error', async (t) => {
    await t.rejects(runStep({ name: 'try', seconds: 60, command: 'no-such-command', commandLine: [] }), /ENOENT/);
  });

  await t.test('that hangs is killed in its time, with what it started', async (t) => {
    const startedAt = performance.now();
    await t.rejects(step('sleep 300 & echo waiting; wait', 0.5), /was not done after 0.5 s; its last lines:\nwaiting$/);
    t.ok(performance.now() - startedAt < 60_000, 'the output is closed, so that the child is gone too');
  });
});
