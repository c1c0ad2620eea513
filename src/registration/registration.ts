/** Registration as a part of the service: it goes on for as long as this replica leads. */
import type { Leadership } from '../leadership/leadership.ts';
import type { Part } from '../lifecycle.ts';
import { keepRegistered } from './registrar.ts';
import type { RegistrarOptions } from './registrar.ts';

export interface RegistrationOptions extends RegistrarOptions {
  leadership: Leadership;
}

/** Neither the start nor the stop of anything else waits for the registry. */
export class ProviderRegistration implements Part {
  readonly name = 'registration';
  readonly #options: RegistrationOptions;
  #end: (() => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: RegistrationOptions) {
    this.#options = options;
  }

  /** Returns at once: what follows happens in the background, and never throws. */
  start(): void {
    const { leadership } = this.#options;
    this.#unsubscribe = leadership.onChange((leads) => this.#follow(leads));
    this.#follow(leadership.leads);
  }

  /** Ends the try that is under way. */
  stop(): void {
    this.#unsubscribe?.();
    this.#follow(false);
  }

  #follow(leads: boolean): void {
    this.#end?.();
    this.#end = undefined;
    if (!leads) return;
    const ended = new AbortController();
    this.#end = () => ended.abort();
    void keepRegistered(this.#options, ended.signal);
  }
}
