/** What of a refusal stays the same from one try to the next; which refusals stand is told by the statuses. */
import t from 'tap';
import { refusalWords } from '../../src/containers/refusals.ts';

t.test('names that Kubernetes generates are those of the Deployment, however long or often they stand there', (t) => {
  const long = `dcm-${'a'.repeat(60)}`;
  const rows: [name: string, message: string, words: string][] = [
    ['dcm-a', 'Pod dcm-a-7d4b9c6f5-x7k2p, dcm-a-7d4b9c6f5-zzzzz', 'Pod dcm-a, dcm-a'],
    ['dcm-a.b', 'Pod dcm-a.b-7d4b9c6f5-x7k2p', 'Pod dcm-a.b'],
    ['dcm-a.b', 'Pod dcm-axb-7d4b9c6f5-x7k2p', 'Pod dcm-axb-7d4b9c6f5-x7k2p'],
    [long, `Pod ${long.slice(0, 57)}x7k2p`, `Pod ${long}`],
  ];
  for (const [name, message, words] of rows) t.equal(refusalWords(message, name), words, message);
  t.end();
});
