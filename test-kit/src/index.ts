// Real things made small, for tests: databases, a Docker engine, mail servers, and how to run a program.

export * from './docker.ts';
export * from './free-port.ts';
export * from './hostile.ts';
export * from './podman.ts';
export * from './postgres.ts';
export * from './postgres15.ts';
export * from './run.ts';
export * from './ses.ts';
export * from './smtp.ts';
