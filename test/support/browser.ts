/** A real browser without a window, driven by the Chrome DevTools Protocol. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from './until.ts';

const chromium = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Why tests in a browser are skipped; false where there is one, and in CI, where there must be. */
export const withoutBrowser: string | false =
  process.env.CI === 'true'
    ? false
    : await access(chromium).then(
        () => false as const,
        () => `${chromium} is not installed`,
      );

export interface BrowserPage extends AsyncDisposable {
  /** Runs an expression in the page, and gives what it comes to, as JSON. */
  evaluate<Value>(expression: string): Promise<Value>;
  /** Clicks the first element that the selector finds, once there is one. */
  click(selector: string): Promise<void>;
  /** Types into the first input that the selector finds, once there is one. */
  fill(selector: string, text: string): Promise<void>;
  /** The text of the first element that the selector finds, once there is one with any. */
  text(selector: string): Promise<string>;
}

/**
 * Opens a page over plain HTTP under a host name that is no loopback one, which browsers trust as they do HTTPS; no other
 * name can be resolved.
 *
 * @param path - with a leading slash
 */
export async function openPage(port: number, path: string): Promise<BrowserPage> {
  await using stack = new AsyncDisposableStack();
  const profile = await mkdtemp(join(tmpdir(), 'chromium-'));
  stack.defer(() => rm(profile, { recursive: true, maxRetries: 5 }));
  const host = 'provider.example';
  const child = spawn(
    chromium,
    [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
      ...['--remote-debugging-port=0', `--user-data-dir=${profile}`],
      `--host-resolver-rules=MAP ${host} 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1`,
      `http://${host}:${port}${path}`,
    ],
    { stdio: 'ignore' },
  );
  const exit = once(child, 'exit');
  stack.defer(async () => {
    child.kill('SIGKILL');
    await exit;
  });
  const socket = stack.adopt(await connectToPage(profile), (opened) => opened.close());
  const evaluate = evaluator(socket);
  const eventually = async <Value>(what: string, expression: string): Promise<Value> => {
    let value: Value | null = null;
    await until(what, async () => (value = await evaluate<Value | null>(expression).catch(() => null)) !== null);
    return value!;
  };
  const find = (selector: string) => `document.querySelector(${JSON.stringify(selector)})`;
  const parts = stack.move();
  return {
    evaluate,
    click: async (selector) => {
      await eventually(`${selector} can be clicked`, `${find(selector)} && (${find(selector)}.click(), true)`);
    },
    fill: async (selector, text) => {
      // The page's own library overrides the element's setter.
      const set = `Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set`;
      const type = `${set}.call(${find(selector)}, ${JSON.stringify(text)})`;
      const tell = `${find(selector)}.dispatchEvent(new Event('input', { bubbles: true }))`;
      await eventually(`${selector} can be filled`, `${find(selector)} && (${type}, ${tell})`);
    },
    text: (selector) => eventually(`${selector} has a text`, `${find(selector)}?.textContent.trim() || null`),
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** The page's debugging socket; the browser writes the port into its profile. */
async function connectToPage(profile: string): Promise<WebSocket> {
  let url = '';
  await until('the browser shows the page', async () => {
    const [port] = (await readFile(join(profile, 'DevToolsActivePort'), 'utf8').catch(() => '')).split('\n');
    if (!port) return false;
    const answer = await fetch(`http://127.0.0.1:${port}/json/list`).catch(() => undefined);
    const pages = ((await answer?.json()) ?? []) as { type: string; webSocketDebuggerUrl: string }[];
    url = pages.find(({ type }) => type === 'page')?.webSocketDebuggerUrl ?? '';
    return url !== '';
  });
  const socket = new WebSocket(url);
  await once(socket, 'open');
  return socket;
}

interface Evaluated {
  id: number;
  result?: { result: { value?: unknown }; exceptionDetails?: { text: string } };
}

function evaluator(socket: WebSocket) {
  const waiting = new Map<number, (answer: Evaluated) => void>();
  socket.addEventListener('message', ({ data }) => {
    const answer = JSON.parse(String(data)) as Evaluated;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  let count = 0;
  return async <Value>(expression: string): Promise<Value> => {
    const id = ++count;
    const { promise, resolve } = Promise.withResolvers<Evaluated>();
    waiting.set(id, resolve);
    const params = { expression, returnByValue: true, awaitPromise: true };
    socket.send(JSON.stringify({ id, method: 'Runtime.evaluate', params }));
    const { result } = await promise;
    if (result?.exceptionDetails) throw new Error(`${expression}: ${result.exceptionDetails.text}`);
    return (result?.result.value ?? null) as Value;
  };
}
