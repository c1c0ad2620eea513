/**
 * Makes a clean dist/, which runs with Node and nothing else: the service, the typed client with its declarations, the
 * licences of what is bundled, and a list of it for scanners.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { formatNotices } from './build/notices.ts';
import { buildService } from './build/service.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

const metafile = await buildService(dist);
run(process.execPath, 'node_modules/typescript/bin/tsc', '--project', 'tsconfig.build.json');

cpSync(join(root, 'LICENSE'), join(dist, 'LICENSE'));
writeFileSync(join(dist, 'THIRD-PARTY-NOTICES.txt'), formatNotices(metafile, ['@fastify/swagger-ui']));
const sbom = run(
  'npm',
  'sbom',
  '--package-lock-only',
  '--omit=dev',
  '--sbom-format=cyclonedx',
  '--sbom-type=application',
);
writeFileSync(join(dist, 'sbom.cdx.json'), sbom);

/** @returns its standard output */
function run(command: string, ...commandLine: string[]): Buffer {
  return execFileSync(command, commandLine, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
}
