import t from 'tap';
import { mutantsOf } from '../../scripts/mutation/mutants.ts';

const rows: [sentence: string, text: string, mutated: string[]][] = [
  ['a bound is lifted', 'const max = 10;', ['const max = Infinity;']],
  ['a small number is another one', 'next(1);', ['next(2);', ';']],
  ['a comparison', 'const is = a < b;', ['const is = a <= b;']],
  ['a condition is fixed', 'if (a) b = c;', ['if (true) b = c;', 'if (false) b = c;', 'if (a) ;']],
  ['a negation is left out', 'const is = !(a && b);', ['const is = (a && b);', 'const is = !(a || b);']],
  ['a step of a chain is left out', 'const all = a.sort();', ['const all = a;']],
  ['one quantifier for another', 'const is = a.some(b);', ['const is = a.every(b);']],
  ['a text, a list', "const all = ['a'];", ['const all = [];', "const all = [''];"]],
  ['what only types or loads is left alone', "import { a } from 'a';\ntype B = 'a' | 1;\nlet c: 'a' | undefined;", []],
];

for (const [sentence, text, mutated] of rows) {
  await t.test(sentence, (t) => {
    const texts = mutantsOf(text).map(
      ({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end),
    );
    t.strictSame(texts.sort(), mutated.sort());
    t.end();
  });
}
