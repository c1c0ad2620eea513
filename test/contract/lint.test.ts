/** The linter's local rules: each has been seen to find what it is for. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageFile, parseDocument } from '../../src/http/contract/document.ts';

/** A document in which a break can reach anywhere. */
interface Json {
  [name: string]: Json;
}

const breaks: Record<string, { rule: string; apply: (document: Json) => void }> = {
  'a resource type without its plural': {
    rule: 'aep-122-resource-path',
    apply: ({ components }) => delete components!.schemas!.Container!['x-aep-resource']!.plural,
  },
  'a resource whose id a client may change': {
    rule: 'aep-122-resource-fields',
    apply: ({ components }) => delete components!.schemas!.Container!.properties!.id!.readOnly,
  },
  'a path in camel case': {
    rule: 'aep-122-collection-segments',
    apply: ({ paths }) => rename(paths!, '/containers/health', '/containers/healthStatus'),
  },
  'an id without a pattern': {
    rule: 'aep-122-id-pattern',
    apply: ({ components }) => delete components!.schemas!.ContainerId!.pattern,
  },
  'a read that is named Read': {
    rule: 'aep-131-get',
    apply: ({ paths }) => set(paths!['/containers/{container_id}']!.get!, 'operationId', 'ReadContainer'),
  },
  'a list that is named All': {
    rule: 'aep-132-list',
    apply: ({ paths }) => set(paths!['/containers']!.get!, 'operationId', 'AllContainers'),
  },
  'a creation that answers 200': {
    rule: 'aep-133-create',
    apply: ({ paths }) => rename(paths!['/containers']!.post!.responses!, '201', '200'),
  },
  'a creation to which no id can be given': {
    rule: 'aep-133-create-id',
    apply: ({ components }) => set(components!.parameters!.Id!, 'name', 'name'),
  },
  'a deletion that answers with a body': {
    rule: 'aep-135-delete',
    apply: ({ paths }) =>
      set(paths!['/containers/{container_id}']!.delete!.responses!['204']!, 'content', { 'application/json': {} }),
  },
  'a point in time that is named created_at': {
    rule: 'aep-142-time-names',
    apply: ({ components }) => rename(components!.schemas!.Container!.properties!, 'create_time', 'created_at'),
  },
  'a time in seconds': {
    rule: 'aep-142-time-format',
    apply: ({ components }) => set(components!.schemas!.Container!.properties!.create_time!, 'type', 'integer'),
  },
  'a list without page_token': {
    rule: 'aep-158-page-parameters',
    apply: ({ components }) => set(components!.parameters!.PageToken!, 'name', 'cursor'),
  },
  'a list whose answer does not go on': {
    rule: 'aep-158-page-answer',
    apply: ({ components }) => delete components!.schemas!.ContainerList!.properties!.next_page_token,
  },
  'a list whose filter has no bound': {
    rule: 'aep-160-filter',
    apply: ({ components }) => delete (components!.parameters!.Filter!.schema as { maxLength?: number }).maxLength,
  },
  'an error in plain JSON': {
    rule: 'aep-193-problems',
    apply: ({ components }) =>
      rename(components!.responses!.Conflict!.content!, 'application/problem+json', 'application/json'),
  },
  'an operation that leaves other failures open': {
    rule: 'aep-193-default',
    apply: ({ paths }) => delete paths!['/containers']!.get!.responses!.default,
  },
  'a property in camel case': {
    rule: 'snake-case-names',
    apply: ({ components }) =>
      rename(components!.schemas!.ContainerPort!.properties!, 'container_port', 'containerPort'),
  },
  'an example that is not valid': {
    rule: 'oas3-valid-media-example',
    apply: ({ components }) => set(components!.examples!.Health!.value!, 'status', 'sick'),
  },
};

t.test('the linter finds what each local rule is for', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lint-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const text = await readFile(packageFile('openapi/openapi.yaml'), 'utf8');
  const fileOf = (name: string) => join(folder, `${name.replaceAll(' ', '-')}.json`);
  for (const [name, { rule, apply }] of Object.entries(breaks)) {
    const document = parseDocument(text) as unknown as Json;
    leaveOutHints(document);
    if (rule !== 'oas3-valid-media-example') leaveOutExamples(document);
    apply(document);
    await writeFile(fileOf(name), JSON.stringify(document));
  }
  const found = await lint(Object.keys(breaks).map(fileOf));
  for (const [name, { rule }] of Object.entries(breaks)) {
    t.ok(found.get(fileOf(name))?.includes(rule), `${name}: ${rule}`);
  }
});

/** They are half of the document, and nothing is broken in them. */
function leaveOutHints({ components }: Json): void {
  const schemas = components!.schemas!;
  for (const name of Object.keys(schemas)) {
    if (name.startsWith('Kubernetes')) Reflect.deleteProperty(schemas, name);
  }
  set(schemas, 'KubernetesHints', { type: 'object' });
}

/** Most of the linter's time goes to the validation of examples. */
function leaveOutExamples(part: Json): void {
  if (typeof part !== 'object') return;
  Reflect.deleteProperty(part, 'example');
  Reflect.deleteProperty(part, 'examples');
  for (const member of Object.values(part)) leaveOutExamples(member);
}

/** Codes of the rules that each file breaks. */
async function lint(files: readonly string[]): Promise<Map<string, string[]>> {
  const spectral = packageFile('node_modules/.bin/spectral');
  const options = ['lint', '--ruleset', packageFile('openapi/.spectral.yaml'), '--format', 'json', '--quiet'];
  const output = await new Promise<string>((resolve) => {
    execFile(spectral, [...options, ...files], { maxBuffer: 1 << 26 }, (_error, stdout) => resolve(stdout));
  });
  const results = JSON.parse(output) as { code: string; source: string }[];
  return new Map(files.map((file) => [file, results.filter(({ source }) => source === file).map(({ code }) => code)]));
}

function rename(parent: Json, from: string, to: string): void {
  parent[to] = parent[from]!;
  Reflect.deleteProperty(parent, from);
}

function set(parent: Json, name: string, value: unknown): void {
  parent[name] = value as Json;
}
