// What a signed link may be for. The numbers stand in links that were sent, so that they never change.

export const purposeNumbers = {
  'mute-hour': 1,
  'mute-worse': 2,
  'mute-deployed': 3,
  'mute-ever': 4,
  open: 5,
  resolve: 6,
  'not-an-error': 7,
  /** A page with all of these, for mails that have no room for them. */
  choose: 8,
  unsubscribe: 9,
  subscribe: 10,
  /** About a rule: its id stands in the place of the issue's. */
  'remove-rule': 11,
  /** To read a record: its id stands in the place of the issue's. */
  record: 12,
  /** To read an issue, and its newest records. */
  issue: 13,
} as const;

export type Purpose = keyof typeof purposeNumbers;
/** What a link shows, and no more. */
export type ReadingPurpose = 'record' | 'issue';
/** What a link does to an issue. */
export type IssuePurpose = Exclude<
  Purpose,
  'choose' | 'unsubscribe' | 'subscribe' | 'remove-rule' | ReadingPurpose
>;

export const purposeOfNumber: ReadonlyMap<number, Purpose> = new Map(
  Object.entries(purposeNumbers).map(([purpose, number]) => [number, purpose as Purpose]),
);

/** As a link is called, in mails, in chats and on buttons. */
export const labels: Record<IssuePurpose | 'choose', string> = {
  'mute-hour': 'Mute for an hour',
  'mute-worse': 'Mute until twice as bad',
  'mute-deployed': 'Mute until the next deployment',
  'mute-ever': 'Mute for ever',
  open: 'Unmute',
  resolve: 'Resolve',
  'not-an-error': 'Not an error',
  choose: 'Mute, resolve …',
};
