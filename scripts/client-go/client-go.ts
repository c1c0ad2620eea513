/** What Kubernetes' own client sends for a kubeconfig: a small program, built with Go from the module beside this file. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { buildOnce, goBuild } from '../go/build-once.ts';

const run = promisify(execFile);
const moduleFolder = import.meta.dirname;
const timeoutMs = 30_000;

/**
 * Lets client-go ask the server of a kubeconfig for its version, once.
 *
 * @param environment - the whole of it
 * @returns what client-go has to say about it where it refuses, or was refused; undefined where it was answered
 */
export async function askWithClientGo(kubeconfig: string, environment: NodeJS.ProcessEnv): Promise<string | undefined> {
  const program = join(await findClientGo(), 'client-go');
  try {
    await run(program, [kubeconfig], { env: environment, timeout: timeoutMs });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: unknown; stderr?: string };
    if (code !== 1 || stderr === undefined) throw error;
    return stderr.trim();
  }
}

function findClientGo(): Promise<string> {
  return buildOnce({
    name: 'client-go',
    moduleFolder,
    versionOf: 'k8s.io/client-go',
    describe: (version) => `a program with client-go ${version}`,
    build: (folder) => goBuild(moduleFolder, '.', join(folder, 'client-go')),
  });
}
