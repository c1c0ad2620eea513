/** A command with a time-out. */
import { spawn } from 'node:child_process';

export interface Step {
  /** What it is for, as the report and errors have it. */
  name: string;
  /** Past this it is killed, with all that it started. */
  seconds: number;
  command: string;
  commandLine: readonly string[];
  cwd?: string;
}

const shownLines = 40;

/**
 * @returns its standard output
 * @throws Error with its last lines when it fails, cannot be started, or is not done in time
 */
export async function runStep({ name, seconds, command, commandLine, cwd }: Step): Promise<string> {
  const startedAt = performance.now();
  // A process group of its own, so that nothing of it is left when its time is up.
  const child = spawn(command, commandLine, { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let output = '';
  let everything = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    everything += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => (everything += chunk.toString()));
  const expired = new AbortController();
  const kill = () => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended meanwhile.
    }
  };
  const timer = setTimeout(() => {
    expired.abort();
    kill();
  }, seconds * 1000);
  process.on('exit', kill);
  try {
    const { code, signal } = await new Promise<{ code: number | null; signal: string | null }>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve({ code, signal }));
    });
    if (code === 0) {
      console.log(`# ${name}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
      return output;
    }
    const end = expired.signal.aborted ? `was not done after ${seconds} s` : `ended with ${code ?? signal}`;
    throw new Error(`${name}: ${command} ${end}; its last lines:\n${lastLines(everything)}`);
  } finally {
    clearTimeout(timer);
    process.off('exit', kill);
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split('\n').slice(-shownLines).join('\n');
}
