import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../../test-kit/src/postgres.ts';
import { createImageNotes, readServiceImages } from './service-images.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

const record = (service: string, image: string | null, minute: number, imageId?: string) => ({
  service,
  image,
  fields: imageId === undefined ? null : { image_id: imageId },
  receivedAt: `2026-11-22T10:${String(minute).padStart(2, '0')}:00.000000Z`,
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe('the images of a service', () => {
  it('are remembered with the time of the first record from each, the latest first', async () => {
    const note = createImageNotes(database.pool, (error) => {
      throw error;
    });
    const images = () => readServiceImages(database.pool, 'shop/api');
    note([
      record('shop/api', 'api:1', 0, 'aaa'),
      record('shop/api', 'api:1', 1, 'aaa'),
      record('other', null, 1),
    ]);
    await until(async () => (await images()).length === 1);
    note([record('shop/api', 'api:1', 5, 'bbb')]);
    await until(async () => (await images()).length === 2);
    // Another backend that hears of it for the first time changes nothing.
    createImageNotes(database.pool, () => {})([record('shop/api', 'api:1', 9, 'aaa'), record('x', 'x', 0)]);
    await until(async () => (await readServiceImages(database.pool, 'x')).length === 1);
    expect((await images()).map(({ image_id, first_seen }) => [image_id, Date.parse(first_seen)])).toEqual([
      ['bbb', Date.parse('2026-11-22T10:05:00Z')],
      ['aaa', Date.parse('2026-11-22T10:00:00Z')],
    ]);
  });

  it('are kept while others are being written', async () => {
    const note = createImageNotes(database.pool, (error) => {
      throw error;
    });
    note([record('kept', 'one', 0)]);
    note([record('kept', 'two', 1)]);
    await until(async () => (await readServiceImages(database.pool, 'kept')).length === 2);
  });

  it('are written although another is too long for the key', async () => {
    const errors: Error[] = [];
    const note = createImageNotes(database.pool, (error) => errors.push(error));
    // Of characters that do not compress.
    const long = Array.from({ length: 1000 }, (_, n) =>
      String.fromCodePoint(0x20000 + ((n * 7919) % 40_000)),
    ).join('');
    note([record('beside', long, 0), record('beside', 'short', 0)]);
    const images = () => readServiceImages(database.pool, 'beside');
    await until(async () => errors.length > 0 || (await images()).length > 0);
    expect(errors).toEqual([]);
    expect((await images()).map(({ image }) => image)).toEqual(['short']);
  });

  it('are tried again with a later record when they could not be written', async () => {
    const errors: Error[] = [];
    const broken = { connect: () => Promise.reject(new Error('away')) };
    const note = createImageNotes(broken as never, (error) => errors.push(error));
    note([record('s', 'i', 0)]);
    await until(async () => errors.length === 1);
    await new Promise((resolve) => setImmediate(resolve));
    note([record('s', 'i', 0)]);
    await until(async () => errors.length === 2);
  });
});
