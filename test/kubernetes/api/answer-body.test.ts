/** What others answer is read within bounds. */
import { PassThrough, Readable } from 'node:stream';

import t from 'tap';

import { readText } from '../../../src/kubernetes/api/answer-body.ts';

t.test('text is read to its end, however it is cut', async (t) => {
  const euro = Buffer.from('\u20ac');
  t.equal(await readText(Readable.from([euro.subarray(0, 1), euro.subarray(1)]), 3), '\u20ac');
  t.equal(await readText(Readable.from([]), 0), '');
});

t.test('text that is longer than allowed is not kept', async (t) => {
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(1024));
    },
  });
  await t.rejects(readText(endless, 2 ** 20), { message: 'the answer has more than 1 MiB' });
  t.equal(endless.destroyed, true, 'and nothing more of it is read');
});

t.test('text that is cut off is none', async (t) => {
  const failing = new PassThrough();
  const failed = readText(failing, 100);
  failing.write('half');
  failing.destroy(new Error('reset'));
  await t.rejects(failed, { message: 'reset' });

  const closing = new PassThrough();
  const closed = readText(closing, 100);
  closing.write('half');
  closing.destroy();
  await t.rejects(closed, { message: 'the answer was cut off' });
  await t.rejects(readText(closing, 100), { message: 'the answer was cut off' }, 'also where it was before');
  await t.rejects(readText(failing, 100), { message: 'reset' });
});
