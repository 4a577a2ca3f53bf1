// A message -> what grouping makes of it, in words: for `log-detector explain`. The templates are this process's own.

import { examine, type Understood, understand, versioned } from './fingerprint.ts';
import { titleOfTemplate } from './template-store.ts';
import { createTemplateMiner } from './templates.ts';

export interface Explainer {
  /** What is seen in a message after all those before it. */
  explain(message: string): { masked: string; template: string; fingerprint: string };
  /** The fingerprint of a message; `current` tells what it has become. */
  group(message: string): string;
  /** The fingerprint that this one is part of by now. */
  current(fingerprint: string): string;
}

export function createExplainer(): Explainer {
  const miner = createTemplateMiner();
  const prefix = versioned('');

  function place(understood: Understood): { template: string; fingerprint: string } {
    if (understood.kind === 'trace')
      return { template: understood.title, fingerprint: understood.fingerprint };
    const id = miner.match(understood.keys) ?? miner.learn(understood.keys).id;
    const { keys } = miner.template(id) ?? understood;
    return { template: titleOfTemplate(keys), fingerprint: versioned(id) };
  }

  return {
    explain(message) {
      const { understood, masked } = examine(message);
      return { masked: masked(), ...place(understood) };
    },
    group: (message) => place(understand(message)).fingerprint,
    current(fingerprint) {
      const id = fingerprint.slice(prefix.length);
      return versioned(miner.root(id));
    },
  };
}
