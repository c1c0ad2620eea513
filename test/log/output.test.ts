import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as delay } from 'node:timers/promises';

import t from 'tap';

import { LineOutput, openNonBlocking } from '../../src/log/output.ts';
import { until } from '../support/until.ts';

interface Pipe extends Disposable {
  readEnd: number;
  writeEnd: number;
}

/** A named pipe whose writes would block, as those of a process's standard output do. */
function makePipe(): Pipe {
  const folder = mkdtempSync(join(tmpdir(), 'pipe-'));
  const path = join(folder, 'pipe');
  execFileSync('mkfifo', [path]);
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const writeEnd = openSync(path, constants.O_WRONLY);
  return {
    readEnd,
    writeEnd,
    [Symbol.dispose]: () => {
      for (const fd of [readEnd, writeEnd]) {
        try {
          closeSync(fd);
        } catch {
          // The test has closed it.
        }
      }
      rmSync(folder, { recursive: true });
    },
  };
}

function readWhatIsThere(fd: number): string {
  const buffer = Buffer.alloc(1024 * 1024);
  try {
    return buffer.toString('utf8', 0, readSync(fd, buffer));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return '';
    throw error;
  }
}

t.test('writes lines in order', async (t) => {
  const path = join(t.testdir({}), 'lines');
  const fd = openSync(path, 'w');
  t.teardown(() => closeSync(fd));
  const output = new LineOutput({ fd, maxBufferedBytes: 1_000, onLost: () => t.fail('nothing is lost') });
  for (let n = 0; n < 100; n += 1) output.write(`${n}\n`);
  await output.flush();
  output.write('last\n');
  await output.flush();
  t.equal(readFileSync(path, 'utf8'), [...Array(100).keys(), 'last', ''].join('\n'));
});

t.test('a full disk loses lines and nothing else', async (t) => {
  const fd = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(fd));
  const output = new LineOutput({ fd, maxBufferedBytes: 10_000, onLost: () => t.fail('no line gets through') });
  for (let n = 0; n < 10_000; n += 1) output.write(`${n}\n`);
  await output.flush();
  output.write('and on\n');
  await output.flush();
});

t.test('a closed pipe loses lines and nothing else', async () => {
  using pipe = makePipe();
  closeSync(pipe.readEnd);
  const output = new LineOutput({ fd: pipe.writeEnd, maxBufferedBytes: 10_000, onLost: () => undefined });
  output.write('nobody reads this\n');
  await output.flush();
});

t.test(
  'keeps a bounded number of lines while nobody reads, and says how many were lost once somebody does',
  async (t) => {
    using pipe = makePipe();
    const fd = openNonBlocking(pipe.writeEnd);
    t.teardown(() => closeSync(fd));
    const reports: number[] = [];
    const output = new LineOutput({ fd, maxBufferedBytes: 500_000, onLost: (lines) => reports.push(lines) });
    const line = `${'x'.repeat(999)}\n`;
    for (let n = 0; n < 2_000; n += 1) output.write(line);

    const progress = { flushed: false };
    void output.flush().then(() => (progress.flushed = true));
    let text = '';
    while (!progress.flushed) {
      text += readWhatIsThere(pipe.readEnd);
      await setImmediate();
    }
    text += readWhatIsThere(pipe.readEnd);
    const kept = text.length / line.length;
    t.equal(kept, 500);
    t.strictSame(reports, [1_500]);
  },
);

t.test('keeps no more while the reader of a socket has stopped reading, as one of journald may', async (t) => {
  const lines = 20_000;
  // Node gives a child a pair of sockets for its standard output.
  const child = spawn(process.execPath, ['--input-type=module', '--eval', writerTo(lines)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill());
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until('all are written', () => said.includes('written'));
  let kept = 0;
  child.stdout.on('data', (chunk: Buffer) => (kept += chunk.length / 1_000));
  await once(child, 'close');
  const lost = Number(/lost (\d+)/.exec(said)?.[1]);
  t.equal(kept + lost, lines);
  t.ok(kept >= 500 && kept < 3_000, `${kept} lines of 1,000 bytes, and 500 are kept beside what the system keeps`);
});

/** A program that writes lines for as long as it takes to fill whatever is between. */
function writerTo(lines: number): string {
  return `
    import { setImmediate } from 'node:timers/promises';
    import { LineOutput } from ${JSON.stringify(import.meta.resolve('../../src/log/output.ts'))};
    const onLost = (lines) => process.stderr.write('lost ' + lines + '\\n');
    const output = new LineOutput({ fd: 1, maxBufferedBytes: 500_000, onLost });
    for (let line = 0; line < ${lines}; line++) {
      output.write('x'.repeat(999) + '\\n');
      if (line % 100 === 0) await setImmediate();
    }
    process.stderr.write('written\\n');
    await output.flush();
    process.exit();
  `;
}

t.test('leaves a descriptor that is no pipe as it is', (t) => {
  const fd = openSync('/dev/null', 'w');
  t.teardown(() => closeSync(fd));
  t.equal(openNonBlocking(fd), fd);
  t.end();
});

t.test('lines that keep coming are written together, and those of the end at once', async (t) => {
  using pipe = makePipe();
  const fd = openNonBlocking(pipe.writeEnd);
  t.teardown(() => closeSync(fd));
  const output = new LineOutput({ fd, maxBufferedBytes: 10_000, onLost: () => t.fail('nothing is lost') });
  const read: string[] = [];
  const look = () => {
    const text = readWhatIsThere(pipe.readEnd);
    if (text !== '') read.push(text);
  };
  output.write('first\n');
  while (read.length === 0) {
    look();
    await delay(1);
  }
  const firstAt = performance.now();
  let count = 0;
  for (; performance.now() - firstAt < 200; count += 1) {
    output.write(`${count}\n`);
    await delay(10);
    look();
  }
  await output.flush();
  look();
  t.equal(read.join(''), ['first', ...Array(count).keys(), ''].join('\n'));
  t.ok(read.length <= 7, `${count} lines in ${read.length} writes`);
});
