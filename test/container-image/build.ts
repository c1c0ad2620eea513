/**
 * Builds the image without a container engine: each stage is a folder, in which the steps of the Containerfile are
 * carried out in their order. The base images are this machine's Node 24 and npm.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

import { parseContainerfile, parseCopy, parseExecForm, parsePairs } from './containerfile.ts';
import type { Instruction, Stage } from './containerfile.ts';

export interface Image {
  /** Folder that stands for `/`. */
  root: string;
  workingDirectory: string;
  /** Of the image and of the base image, `PATH` included. */
  env: Record<string, string>;
  labels: Record<string, string>;
  user: string;
  command: string[];
  healthCheck: string[];
}

interface BuildOptions {
  /** Folder with the Containerfile. */
  context: string;
  /** Empty folder for the stages. */
  folder: string;
  buildArguments: Record<string, string>;
}

/** What the base image brings: this Node first, so that npm runs on it too, and nothing of the tests' environment. */
const baseEnv = {
  PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`,
  HOME: process.env['HOME'] ?? '/',
};
/** How this machine reaches the registry is told to the steps, as container engines tell theirs. */
const networkEnv = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(\w+_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i.test(name)),
);

/** The last stage; throws what went wrong in a step. */
export function buildImage({ context, folder, buildArguments }: BuildOptions): Image {
  const stages = parseContainerfile(readFileSync(join(context, 'Containerfile'), 'utf8'));
  const roots = new Map<string, string>();
  let image: Image | undefined;
  for (const [index, stage] of stages.entries()) {
    const root = join(folder, stage.name ?? `stage-${index}`);
    mkdirSync(root);
    image = buildStage(stage, { context, root, roots, buildArguments });
    if (stage.name !== undefined) roots.set(stage.name, root);
  }
  if (image === undefined) throw new Error('the Containerfile has no stage');
  return image;
}

interface StageOptions {
  context: string;
  root: string;
  roots: ReadonlyMap<string, string>;
  buildArguments: Record<string, string>;
}

function buildStage({ base, instructions }: Stage, options: StageOptions): Image {
  if (!/\/node:24(\.|-|$)/.test(base)) throw new Error(`the base ${base} is not Node 24`);
  const { root } = options;
  const image: Image = {
    root,
    workingDirectory: '/',
    env: { ...baseEnv },
    labels: {},
    user: 'root',
    command: [],
    healthCheck: [],
  };
  const values: Record<string, string> = {};
  for (const instruction of instructions) carryOut(instruction, image, values, options);
  return image;
}

function carryOut(
  { name, text }: Instruction,
  image: Image,
  values: Record<string, string>,
  options: StageOptions,
): void {
  const folder = join(image.root, image.workingDirectory);
  switch (name) {
    case 'WORKDIR':
      image.workingDirectory = text;
      mkdirSync(join(image.root, text), { recursive: true });
      break;
    case 'COPY':
      copy(text, folder, options);
      break;
    case 'RUN':
      execFileSync('sh', ['-c', text], {
        cwd: folder,
        env: { ...networkEnv, ...values, ...image.env },
        stdio: 'pipe',
        ...userOf(image),
      });
      break;
    case 'ARG':
      for (const [key, value] of Object.entries(parsePairs(text))) values[key] = options.buildArguments[key] ?? value;
      break;
    case 'ENV':
      Object.assign(image.env, parsePairs(text));
      break;
    case 'LABEL':
      Object.assign(image.labels, parsePairs(substitute(text, values)));
      break;
    case 'USER':
      image.user = text;
      break;
    case 'EXPOSE':
      break;
    case 'HEALTHCHECK':
      image.healthCheck = parseExecForm(text.slice(text.indexOf('CMD ') + 'CMD '.length));
      break;
    case 'CMD':
      image.command = parseExecForm(text);
      break;
    default:
      throw new Error(`the instruction ${name} is not known here`);
  }
}

/** The image's user where this process may become another one. */
export function userOf({ user }: Image): { uid?: number } {
  return process.getuid?.() === 0 && user !== 'root' ? { uid: Number(user.split(':')[0]) } : {};
}

function copy(text: string, folder: string, { context, roots }: StageOptions): void {
  const { from, sources, target } = parseCopy(text);
  const origin = from === undefined ? context : roots.get(from);
  if (origin === undefined) throw new Error(`there is no stage ${from ?? ''}`);
  const ignored = from === undefined ? ignoredPaths(context) : [];
  for (const source of sources) {
    if (ignored.includes(source.split('/')[0]!)) throw new Error(`${source} is left out by .containerignore`);
    if (from === undefined && isAbsolute(source)) throw new Error(`${source} is outside of the context`);
    const path = join(origin, source);
    // Of a folder its content is copied, as container engines do.
    const into = statSync(path).isDirectory() ? join(folder, target) : join(folder, target, source.split('/').at(-1)!);
    cpSync(path, into, { recursive: true, verbatimSymlinks: true });
  }
}

function ignoredPaths(context: string): string[] {
  const lines = readFileSync(join(context, '.containerignore'), 'utf8').split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.replace(/\/$/, ''));
}

function substitute(text: string, values: Record<string, string>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, key: string) => values[key] ?? '');
}
