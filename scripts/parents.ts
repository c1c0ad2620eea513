/** Whether npm, which started this process, is still there: a signal to npm alone need not reach what it started. */
import { readFileSync } from 'node:fs';

const lookEveryMs = 250;

/**
 * Resolves once npm has ended, which leaves this process with another parent, or the shell that npm puts in between. Never
 * where npm did not start it. Does not keep the process alive.
 */
export function untilNpmEnds(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (process.env['npm_lifecycle_event'] === undefined) return promise;
  const before = ancestors();
  const timer = setInterval(() => {
    if (ancestors() === before) return;
    clearInterval(timer);
    resolve(undefined);
  }, lookEveryMs);
  timer.unref();
  return promise;
}

/** Of the parent, and of its own parent where it is a shell, as far as the system tells. */
function ancestors(): string {
  const { ppid } = process;
  try {
    const [, name, parent] = /\((.*)\) \S (\d+)/s.exec(readFileSync(`/proc/${ppid}/stat`, 'utf8')) ?? [];
    return /^(|da|ba)sh$/.test(name ?? '') ? `${ppid} ${parent ?? ''}` : `${ppid}`;
  } catch {
    return `${ppid}`;
  }
}
