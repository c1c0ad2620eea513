/** What the probes are answered, as Kubernetes' own components answer theirs. */
import type { Check, Part, Probe } from '../lifecycle.ts';

export interface NamedCheck {
  name: string;
  check: Check;
}

export interface ProbeAnswer {
  status: number;
  text: string;
}

const ok: Check = { ok: true };

/** The checks of the parts that join a probe, after those of the process itself. */
export class Probes {
  readonly #parts: readonly Part[];
  #stopping = false;

  constructor(parts: readonly Part[]) {
    this.#parts = parts;
  }

  /** From now on the process is not ready. */
  stop(): void {
    this.#stopping = true;
  }

  checks(probe: Probe): NamedCheck[] {
    const joined = this.#parts.flatMap((part) => {
      const check = part.health?.()[probe];
      return check === undefined ? [] : [{ name: part.name, check }];
    });
    return [...this.#own(probe), ...joined];
  }

  /** That it answers at all shows that the event loop turns. */
  #own(probe: Probe): NamedCheck[] {
    const ping = { name: 'ping', check: ok };
    if (probe === 'livez') return [ping];
    const shutdown: Check = this.#stopping ? { ok: false, reason: 'the process is stopping' } : ok;
    return [ping, { name: 'shutdown', check: shutdown }];
  }
}

/** @param verbose - every check is named, also when all is well, as it is when something is not */
export function answerProbe(probe: Probe, checks: readonly NamedCheck[], verbose: boolean): ProbeAnswer {
  const passed = checks.every(({ check }) => check.ok);
  if (passed && !verbose) return { status: 200, text: 'ok' };
  const lines = checks.map(({ name, check }) =>
    check.ok ? `[+]${name} ok${noteOf(check)}` : `[-]${name} failed: ${check.reason}`,
  );
  return {
    status: passed ? 200 : 500,
    text: [...lines, `${probe} check ${passed ? 'passed' : 'failed'}`, ''].join('\n'),
  };
}

function noteOf({ note }: { note?: string }): string {
  return note === undefined ? '' : ` (${note})`;
}

/** One check alone: 404 where there is none of this name. */
export function answerSingleCheck(checks: readonly NamedCheck[], name: string): ProbeAnswer {
  const found = checks.find((check) => check.name === name);
  if (found === undefined) return { status: 404, text: `There is no check "${name}".\n` };
  const { check } = found;
  return check.ok
    ? { status: 200, text: `ok${noteOf(check)}` }
    : { status: 500, text: `${name} failed: ${check.reason}\n` };
}
