/** The processes of this machine, those of containers among them: their namespaces are below ours. */
import { readdir, readFile } from 'node:fs/promises';

/** Ids of the processes that have the words in their command line. */
export async function findProcesses(words: string): Promise<number[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const commandLine = await readFile(`/proc/${id}/cmdline`, 'utf8').catch(() => '');
      return commandLine.replaceAll('\0', ' ').includes(words) ? [Number(id)] : [];
    }),
  );
  return found.flat();
}
