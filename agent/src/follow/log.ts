// The logger as the follower uses it (write-log.ts).

type Say = (fields: object, message: string) => void;

export interface Log {
  debug: Say;
  info: Say;
  warn: Say;
  error: Say;
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
