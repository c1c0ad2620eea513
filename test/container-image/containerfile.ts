/** The Containerfile as data: enough of its language for ours, and an error for anything else. */

export interface Instruction {
  /** Upper case. */
  name: string;
  /** All after the name, with continued lines joined. */
  text: string;
}

export interface Stage {
  base: string;
  /** Absent for the last one. */
  name?: string;
  instructions: Instruction[];
}

export function parseContainerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const instruction of parseInstructions(text)) {
    if (instruction.name === 'FROM') {
      const [, base, name] = /^(\S+)(?: AS (\S+))?$/i.exec(instruction.text) ?? [];
      if (base === undefined) throw new Error(`cannot read FROM ${instruction.text}`);
      stages.push({ base, ...(name !== undefined && { name }), instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`${instruction.name} before the first FROM`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

function parseInstructions(text: string): Instruction[] {
  return text
    .replaceAll(/^\s*#.*\n/gm, '')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const [, name, rest] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? [];
      if (name === undefined || rest === undefined) throw new Error(`cannot read the line ${line}`);
      return { name, text: rest.trim() };
    });
}

/** What a command in exec form runs; it must be one, since a shell in between would keep the signals. */
export function parseExecForm(text: string): string[] {
  const command: unknown = JSON.parse(text);
  if (!Array.isArray(command) || !command.every((part) => typeof part === 'string')) {
    throw new Error(`not in exec form: ${text}`);
  }
  return command;
}

export interface Copy {
  /** The name of a stage; absent: the build context. */
  from?: string;
  sources: string[];
  target: string;
}

export function parseCopy(text: string): Copy {
  const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
  const parts = paths.split(/\s+/);
  const target = parts.pop();
  if (target === undefined || parts.length === 0 || paths.includes('--')) throw new Error(`cannot read COPY ${text}`);
  return { ...(from !== undefined && { from }), sources: parts, target };
}

/** `KEY=value` or `KEY="value"`, any number of them. */
export function parsePairs(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, key = '', quoted, plain]) => [key, quoted ?? plain ?? '']));
}
