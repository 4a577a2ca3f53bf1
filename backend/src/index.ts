// The backend for the command line: what runs it, and what brings its database up to date.

export { createExplainer, type Explainer } from './ingest/explain.ts';
export { type RulesTestOptions, rulesTest } from './replay/rules-test.ts';
export { migrateCommand, serve } from './serve.ts';
