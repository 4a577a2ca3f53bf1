import { describe, expect, it } from 'vitest';
import { examine } from './fingerprint.ts';

const saidBy = (message: string): string => examine(message).masked();

describe('the line that says what happened', () => {
  it('is the error below the place and the source that Node prints, behind a time or not', () => {
    for (const time of ['', '2026-11-22T10:00:01.000Z '])
      expect(
        saidBy(`${time}/srv/app/a.js:12\n    foo(;\n        ^\n\nSyntaxError: Unexpected token ';'`),
      ).toBe("SyntaxError: Unexpected token '<str>'");
    expect(saidBy('/srv/app/a.js:12\nwas read')).toBe('<path>');
  });

  it('is what Prisma says was called, and what went wrong below the source', () => {
    const told = (why: string): string =>
      `2026-11-22T10:00:01Z prisma:error \nInvalid \`prisma.user.findUnique()\` invocation in\n/srv/app/users.ts:30:31\n\n  28 export async function load(id: string) {\n  29   log.info(id)\n→ 30   return prisma.user.findUnique(\n${why}`;
    expect(saidBy(told("Can't reach database server at `db:5432`\n\nPlease make sure it runs."))).toBe(
      "Invalid `<str>` invocation in Can't reach database server at `<str>`",
    );
    expect(saidBy(told('The table `public.User` does not exist.'))).toContain('table `<str>` does not exist');
  });

  it('has what Elixir says was raised, where there are no frames', () => {
    expect(
      saidBy(
        '10:00:01.123 [error] GenServer Shop.Stock terminating\n** (KeyError) key :x not found\nLast message: :x',
      ),
    ).toContain('GenServer Shop.Stock terminating ** (KeyError) key :x not found');
    const ended = (pid: number, thrown: string): string =>
      saidBy(
        `10:00:01.123 [error] #PID<0.${pid}.0> running ShopWeb.Endpoint terminated\nServer: localhost:4000 (http)\nRequest: GET /orders/${pid}\n** (exit) an exception was raised:\n    ** (${thrown}`,
      );
    expect(ended(512, 'RuntimeError) order 1 is bad')).toBe(ended(77, 'RuntimeError) order 2 is bad'));
    expect(ended(512, 'RuntimeError) order 1 is bad')).not.toBe(ended(512, 'ArgumentError) order 1 is bad'));
  });

  it('has what a report of Erlang is about, and the reason', () => {
    expect(
      saidBy(
        '=ERROR REPORT==== 22-Nov-2026::10:00:05 ===\n** Generic server shop_stock terminating \n** Last message in was {take,5}\n** When Server state == {state,5}\n** Reason for termination == \n** timeout',
      ),
    ).toBe('ERROR REPORT ** Generic server shop_stock terminating ** timeout');
    expect(
      saidBy(
        '=SUPERVISOR REPORT==== 22-Nov-2026::10:00:05 ===\n    supervisor: {local,shop}\n    reason: killed',
      ),
    ).toBe('SUPERVISOR REPORT supervisor: {<list>} reason: killed');
  });
});
