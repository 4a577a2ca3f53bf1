// The advisory locks of this program, all in one place: they share one space of numbers, whoever takes them and for however
// long, so two that were equal would keep each other waiting. A number stays what it is: backends of several versions may
// run beside each other. Any numbers will do.

export const advisoryLocks = {
  /** Of a session: migrations. */
  migrate: 7_320_615_001,
  /** Of a transaction: partitions are being made. */
  partitions: 7_320_615_002,
  /** Of a session: the hourly upkeep. */
  upkeep: 7_320_615_003,
  /** Of a transaction: budgets of mails are being spent. */
  budgets: 7_320_615_004,
  /** Of a session, for as long as text indexes are being made: hours, perhaps. */
  textIndexes: 7_320_615_005,
  /** Of a transaction: issues become part of others, or are taken out again. */
  merges: 7_320_615_006,
  /** Of a transaction: templates are being changed. */
  templates: 0x74656d706c,
} as const;
