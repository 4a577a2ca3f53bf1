// A Vitest reporter that writes what happened to the file TALLY_FILE, from which `npm test` makes its closing line.

import { writeFileSync } from 'node:fs';

export default class TallyReporter {
  onTestRunEnd(modules, unhandledErrors, reason) {
    const tally = { passed: 0, failed: 0, skipped: 0, leftOut: {}, reason };
    tally.failed += unhandledErrors.length;
    for (const module of modules) {
      // A file that cannot be read, or a hook that failed outside a test.
      tally.failed += module.errors().length;
      for (const suite of module.children.allSuites()) tally.failed += suite.errors().length;
      for (const test of module.children.allTests()) {
        const { state, note } = test.result();
        if (state === 'passed') tally.passed += 1;
        else if (state === 'failed') tally.failed += 1;
        else {
          tally.skipped += 1;
          const file = module.relativeModuleId ?? module.moduleId;
          tally.leftOut[file] ??= [];
          tally.leftOut[file].push(note ? `${test.fullName} (${note})` : test.fullName);
        }
      }
    }
    writeFileSync(process.env.TALLY_FILE, JSON.stringify(tally));
  }
}
