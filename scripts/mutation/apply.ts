/** Loaded before a test: has it, and every process of Node that it starts, see one file as a mutant of it. */
import { registerHooks } from 'node:module';
import type { Mutant } from './mutants.ts';

const { url: mutated, start, end, replacement } = JSON.parse(process.env['MUTANT']!) as Mutant & { url: string };

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (url !== mutated) return loaded;
    const text = Buffer.from(loaded.source as Uint8Array | string).toString();
    return { ...loaded, source: text.slice(0, start) + replacement + text.slice(end) };
  },
});
