import type { Engine, Listener, Topic } from '../engine.js';
import { ForwardedEngine } from '../forwarded-engine.js';
import { ForwardedTasks } from '../forwarded-tasks.js';
import { Moving } from '../moving/moving.js';
import type { Gate } from './gate.js';

interface Listening {
  readonly tenant: string;
  readonly topic: Topic;
  readonly listener: Listener;
  stop: () => void;
}

/** The engine that the service uses. The engine behind it can be exchanged; during the exchange, calls wait at the gate. */
export class FrontEngine extends ForwardedEngine {
  readonly tasks = new ForwardedTasks((run) => this.gate.run(() => run(this.current().tasks)));
  readonly moving: Moving = new FrontMoving(this.gate, () => this.current().moving);
  readonly #listening = new Set<Listening>();

  constructor(
    private readonly gate: Gate,
    private readonly current: () => Engine,
  ) {
    super();
  }

  get storage() {
    return this.current().storage;
  }

  override storageSince(startedAt: number, tenant?: string): string {
    return this.current().storageSince(startedAt, tenant);
  }

  /** A health probe must not wait for a switch. */
  inspect() {
    return this.current().inspect();
  }

  override get unconfirmable() {
    return this.current().unconfirmable;
  }

  onChange(tenant: string, topic: Topic, listener: Listener): () => void {
    const listening = { tenant, topic, listener, stop: this.current().onChange(tenant, topic, listener) };
    this.#listening.add(listening);
    return () => {
      this.#listening.delete(listening);
      listening.stop();
    };
  }

  /** Moves all listeners to the current engine. */
  listenAgain(): void {
    for (const listening of this.#listening) {
      listening.stop();
      listening.stop = this.current().onChange(listening.tenant, listening.topic, listening.listener);
      // Changes during the switch were missed.
      listening.listener('missed');
    }
  }

  protected forward<T>(run: (engine: Engine) => Promise<T>): Promise<T> {
    return this.gate.run(() => run(this.current()));
  }
}

class FrontMoving extends Moving {
  constructor(
    private readonly gate: Gate,
    private readonly current: () => Moving,
  ) {
    super();
  }

  listTenants() {
    return this.gate.run(() => this.current().listTenants());
  }

  now() {
    return this.gate.run(() => this.current().now());
  }

  listWorkflows(...call: Parameters<Moving['listWorkflows']>) {
    return this.gate.run(() => this.current().listWorkflows(...call));
  }

  /** A stream does not wait at the gate, since it may take longer than any switch. */
  listTasks(tenant: string) {
    return this.current().listTasks(tenant);
  }

  listQueues(tenant: string) {
    return this.gate.run(() => this.current().listQueues(tenant));
  }

  listBoards(tenant: string) {
    return this.gate.run(() => this.current().listBoards(tenant));
  }

  read(...call: Parameters<Moving['read']>) {
    return this.gate.run(() => this.current().read(...call));
  }

  put(...call: Parameters<Moving['put']>) {
    return this.gate.run(() => this.current().put(...call));
  }

  override putAll(...call: Parameters<Moving['putAll']>) {
    return this.gate.run(() => this.current().putAll(...call));
  }

  remove(...call: Parameters<Moving['remove']>) {
    return this.gate.run(() => this.current().remove(...call));
  }
}
