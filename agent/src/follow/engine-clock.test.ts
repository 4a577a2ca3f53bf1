import { describe, expect, it } from 'vitest';
import { createEngineClock, type SetBack } from './engine-clock.ts';
import { msOf, stampOf } from './timestamps.ts';

const at = (time: string) => `2026-11-22T${time}.000000000Z`;

/** A clock, by hand. */
function clockAt(time: string) {
  let ms = msOf(at(time));
  let elapsed = 0;
  const heard: SetBack[] = [];
  const clock = createEngineClock({
    now: () => ms,
    elapsed: () => elapsed,
    onSetBack: (setBack) => heard.push(setBack),
  });
  clock.present();
  return {
    clock,
    heard,
    pass(seconds: number) {
      ms += seconds * 1000;
      elapsed += seconds * 1000;
    },
    set(to: string) {
      ms = msOf(at(to));
    },
  };
}

describe('the clock of an engine', () => {
  it('was looked at last, in the new time, when it is set back between two looks', () => {
    const { clock, heard, pass, set } = clockAt('12:00:00');
    pass(2);
    set('10:00:02');
    expect(clock.present()).toBe(at('10:00:02'));
    expect(heard).toEqual([{ from: at('12:00:02'), to: at('10:00:00') }]);
    expect(clock.setBack()).toEqual(heard[0]);
    expect(clock.isOfOldTime(at('11:00:00'))).toBe(true);
    expect(clock.isOfOldTime(at('10:00:02'))).toBe(false);
  });

  it('is no longer set back when it has come to where it was', () => {
    const { clock, pass, set } = clockAt('12:00:00');
    set('11:59:00');
    clock.present();
    pass(60);
    expect(clock.setBack()).toBeDefined();
    pass(1);
    expect(clock.setBack()).toBeUndefined();
  });

  it('may be set right by less than a second, or forward, and nothing comes a second time', () => {
    const { clock, heard, pass, set } = clockAt('12:00:10');
    pass(1);
    set('12:00:10');
    clock.present();
    set('15:00:00');
    clock.present();
    expect(heard).toEqual([]);
  });

  it('was set back while nobody looked, when an instant of before lies ahead', () => {
    const { clock, heard } = clockAt('10:00:00');
    clock.wasAt(at('09:59:59'), at('09:59:59'));
    clock.wasAt(at('12:00:00'), at('09:58:00'));
    clock.wasAt(at('12:00:01'), at('12:00:01'));
    expect(heard).toEqual([
      { from: at('12:00:00'), to: at('09:58:00') },
      { from: at('12:00:01'), to: at('10:00:00') },
    ]);
  });

  it('is told by an engine on another machine, to the second, and else is the one here', () => {
    const { clock, heard, pass } = clockAt('12:00:00');
    clock.told(at('12:00:01'));
    expect(clock.present()).toBe(at('12:00:00'));
    clock.told(at('13:00:01'));
    expect(clock.present()).toBe(at('13:00:01'));
    pass(1);
    clock.told(at('13:00:01'));
    expect(clock.present()).toBe(stampOf(msOf(at('13:00:02'))));
    expect(heard).toEqual([]);
  });
});
