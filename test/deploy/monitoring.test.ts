import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import t from 'tap';
import { parse } from 'yaml';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const rulesFile = join(root, 'deploy/chart/monitoring/alerts.yaml');

interface Rule {
  alert: string;
  annotations: { runbook: string };
}

const text = await readFile(rulesFile, 'utf8');
const alerts = (parse(text) as { groups: { rules: Rule[] }[] }).groups.flatMap(({ rules }) => rules);

t.test('the alerts are rules that Prometheus takes', async (t) => {
  await t.resolves(run('promtool', ['check', 'rules', rulesFile]));
});

t.test('the alerts fire when they should, and not before', async (t) => {
  await t.resolves(run('promtool', ['test', 'rules', join(import.meta.dirname, 'alerts.test.yaml')]));
});

t.test('each alert has a paragraph that says what to do', async (t) => {
  const operations = await readFile(join(root, 'docs/operations.md'), 'utf8');
  const headings = [...operations.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
  for (const { alert, annotations } of alerts) {
    t.ok(headings.includes(alert), alert);
    t.equal(annotations.runbook, `docs/operations.md#${alert.toLowerCase()}`);
  }
});
