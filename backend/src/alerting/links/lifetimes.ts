// How long links work.

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A link of a mail: read on the Monday after a holiday, it still works. */
export const actionLinkMs = 14 * dayMs;
/** To be sent nothing more: as long as anyone keeps the mail, or nearly. */
export const unsubscribeLinkMs = 365 * dayMs;
/** To read a record or an issue: as long as records are kept, by default four times over. */
export const readingLinkMs = 365 * dayMs;
/** A button of a page: to undo what was just done, or one of several to choose from. */
export const pageLinkMs = hourMs;

/** After so long no link of a key is left. */
export const longestLinkMs = Math.max(unsubscribeLinkMs, readingLinkMs);
