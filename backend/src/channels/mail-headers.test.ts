import { describe, expect, it } from 'vitest';
import { alertHeaders } from '../alerting/alert-headers.ts';
import { addressOf, messageId } from './mail-headers.ts';

describe('header fields made of the sender', () => {
  it('have the domain of its address, not of its name, in ASCII', () => {
    expect(messageId('n', 'ops@prod <alerts@example.com>')).toBe('<n@example.com>');
    expect(messageId('n', 'alerts@bücher.example')).toBe('<n@xn--bcher-kva.example>');
    expect(addressOf('Wächter <alerts@bücher.example>')).toBe('alerts@xn--bcher-kva.example');
  });

  it('are ASCII alone, so that no mail program or SES refuses them', () => {
    const url = 'https://logs.example.com/unsubscribe/token';
    const fields = alertHeaders({
      from: 'Wächter <wächter@bücher.example>',
      state: 'new',
      episode: 'e',
      unsubscribe: url,
    });
    for (const value of Object.values(fields)) expect(value).toMatch(/^[\x20-\x7e]+$/);
    expect(fields['List-Unsubscribe']).toBe(
      `<${url}>, <mailto:w%C3%A4chter@xn--bcher-kva.example?subject=unsubscribe>`,
    );
    expect(fields.References).toBe('<e@xn--bcher-kva.example>');
  });
});
