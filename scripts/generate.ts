/**
 * Makes everything in generated/ from openapi/. With --check it writes nothing, and fails, naming each file, when
 * generating would change, add or remove one.
 *
 * A folder as the last argument takes the place of the package's own, for its openapi/ and its generated/.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { format } from 'prettier';
import type { Options } from 'prettier';
import { packageFile, parseDocument } from '../src/http/contract/document.ts';
import type { OpenApiDocument } from '../src/http/contract/document.ts';
import { generateClient } from './generate/client.ts';
import { generateRoutes } from './generate/routes.ts';
import { generateTypes } from './generate/types.ts';

type Generator = (document: OpenApiDocument) => string | Promise<string>;

const outputs: Record<string, { source: string; generate: Generator }> = {
  'api.ts': { source: 'openapi.yaml', generate: generateTypes },
  'client.ts': { source: 'openapi.yaml', generate: generateClient },
  'dcm-registry.ts': { source: 'dcm-registry.yaml', generate: generateTypes },
  'routes.ts': { source: 'openapi.yaml', generate: generateRoutes },
};

async function generateAll(root: string, formatting: Options): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const [name, { source, generate }] of Object.entries(outputs)) {
    const document = parseDocument(await readFile(join(root, 'openapi', source), 'utf8'));
    const header = `/** Made from openapi/${source} by \`npm run generate\`. Not to be edited. */\n\n`;
    files.set(name, await format(header + (await generate(document)), { ...formatting, parser: 'typescript' }));
  }
  return files;
}

async function readFolder(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch(() => []);
  return new Map(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), 'utf8')] as const)),
  );
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({ options: { check: { type: 'boolean' } }, allowPositionals: true });
  const root = positionals[0] ?? packageFile('.');
  const { prettier } = JSON.parse(await readFile(packageFile('package.json'), 'utf8')) as { prettier: Options };

  const folder = join(root, 'generated');
  const wanted = await generateAll(root, prettier);
  const present = await readFolder(folder);
  const names = [...new Set([...wanted.keys(), ...present.keys()])].sort();
  const stale = names.filter((name) => wanted.get(name) !== present.get(name));

  if (values.check) {
    for (const name of stale) console.error(`generated/${name} is not what openapi/ makes: run \`npm run generate\``);
    process.exitCode = stale.length > 0 ? 1 : 0;
    return;
  }
  await mkdir(folder, { recursive: true });
  for (const name of stale) {
    const content = wanted.get(name);
    await (content === undefined ? rm(join(folder, name)) : writeFile(join(folder, name), content));
    console.log(`generated/${name} ${content === undefined ? 'removed' : 'written'}`);
  }
}

await main();
