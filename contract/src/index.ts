export * from './agents.ts';
export * from './coverage.ts';
export * from './histogram.ts';
export * from './issues.ts';
export * from './limits.ts';
export * from './notifications.ts';
export * from './records.ts';
