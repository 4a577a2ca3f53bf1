// A grouping -> one that never loses records to a fault of its own: what it cannot group, each message by itself is. A
// database that is away is no fault; it is tried again as ever.

import { isDatabaseAway } from '../http/errors.ts';
import type { Group, Grouping, IncomingRecord } from './types.ts';

/** @param onFault told of each fault. */
export function groupSafely(grouping: Grouping, onFault: (error: Error) => void): Grouping {
  const groupOne = async (record: IncomingRecord): Promise<Group> => {
    try {
      return (await grouping.group([record]))[0]!;
    } catch (error) {
      if (isDatabaseAway(error)) throw error;
      return exactGroup(record);
    }
  };
  return {
    async group(records) {
      try {
        return await grouping.group(records);
      } catch (error) {
        if (isDatabaseAway(error)) throw error;
        onFault(error as Error);
        const groups: Group[] = [];
        for (const record of records) groups.push(await groupOne(record));
        return groups;
      }
    },
  };
}

function exactGroup({ logHash, message }: IncomingRecord): Group {
  const firstLine = message.slice(0, 300).trimStart().split(/\r?\n/, 1)[0] ?? '';
  return { fingerprint: `exact:${logHash}`, title: firstLine.slice(0, 200).toWellFormed() };
}
