export * from './docker.ts';
export * from './run.ts';
