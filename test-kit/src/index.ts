// Real things made small, for tests: a database, a Docker engine, and how to run a program.

export * from './docker.ts';
export * from './postgres.ts';
export * from './run.ts';
