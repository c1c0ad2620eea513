/**
 * Ends what a dead parent left behind. It reads from its standard input, one command a line: `kill PID`, `spare PID`,
 * `remove FOLDER`. The operating system closes that pipe however the parent ends (its end, an exception, a signal,
 * SIGKILL too); then every process that was not spared is killed, stopped ones as well, the folders are removed, and
 * this process ends. It runs in a session of its own, so that Ctrl-C in a terminal does not reach it.
 */
import { rm } from 'node:fs/promises';
import { createInterface } from 'node:readline';

const processes = new Set<number>();
const folders = new Set<string>();

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const argument = line.slice(space + 1);
  switch (line.slice(0, space)) {
    case 'kill':
      processes.add(Number(argument));
      break;
    case 'spare':
      processes.delete(Number(argument));
      break;
    case 'remove':
      folders.add(argument);
      break;
  }
}

for (const processId of processes) {
  try {
    process.kill(processId, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
for (const folder of folders) {
  await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
