/** Limits that both sides of the wire know. Bytes are of UTF-8. */
export const limits = {
  /** Longest message stored. */
  messageBytes: 1024 * 1024,
  /** Largest request body, after decompression. */
  bodyBytes: 16 * 1024 * 1024,
  /** Most records in one request. */
  batchRecords: 5000,
  hostChars: 255,
  containerChars: 255,
  severityChars: 50,
  contextLines: 50,
} as const;
