// The length of time in which an issue's records are counted against its own past.

/** Five minutes, in ms. issues/record-occurrences.ts counts in the same. */
export const windowMs = 300_000;
