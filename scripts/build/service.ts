/** The service as it ships: one file, the contract, and the page that shows it. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { Metafile } from 'esbuild';
import { parseDocument } from '../../src/http/contract/document.ts';
import { bundle } from './bundle.ts';
import { readRevision } from './revision.ts';
import { formatSchemaCompiler } from './validators.ts';

const root = join(import.meta.dirname, '../..');

/**
 * Makes a clean folder with all that `node main.js` needs in it. The version in its package.json names the commit that was
 * built, where that is known: `0.1.0+abc1234`.
 *
 * @returns what went into the bundles
 * @throws Error when the contract is no valid OpenAPI document
 */
export async function buildService(folder: string): Promise<Metafile> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'openapi'), { recursive: true });

  const contract = readFileSync(join(root, 'openapi/openapi.yaml'), 'utf8');
  const { valid, errors } = await new Validator().validate(contract);
  if (!valid) throw new Error(`openapi/openapi.yaml is not valid: ${JSON.stringify(errors)}`);
  const document = parseDocument(contract);
  writeFileSync(join(folder, 'openapi/openapi.json'), JSON.stringify(document));

  const entryPoints = ['src/main.ts', 'src/health-check.ts', 'scripts/build/warm-compile-cache.ts'];
  const metafile = await bundle(entryPoints, folder, formatSchemaCompiler(document));
  cpSync(join(root, 'node_modules/@fastify/swagger-ui/static'), join(folder, 'static'), { recursive: true });

  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest;
  const { name, license, type } = manifest;
  const revision = readRevision(root);
  const version = revision === undefined ? manifest.version : `${manifest.version}+${revision}`;
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ name, version, license, type }, undefined, 2)}\n`);
  return metafile;
}

interface Manifest {
  name: string;
  version: string;
  license: string;
  type: string;
}
