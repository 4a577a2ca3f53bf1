export * from './coverage.ts';
export * from './limits.ts';
export * from './notifications.ts';
export * from './records.ts';
