import { expect, it } from 'vitest';
import { createWatched } from './watched.ts';

it('notes up to when everything was followed, also after the clock was set back', () => {
  let until = '2026-11-22T12:00:00.000000000Z';
  const watched = createWatched({ note: () => undefined });
  watched.follow(() => until);
  const noteAt = () => watched.note(Date.parse(until))?.[1];
  expect(noteAt()).toBe(until);
  until = '2026-11-22T12:00:05.000000000Z';
  expect(noteAt()).toBeUndefined();
  until = '2026-11-22T10:00:06.000000000Z';
  expect(noteAt()).toBe(until);
});
