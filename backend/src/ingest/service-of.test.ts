import { describe, expect, it } from 'vitest';
import { serviceOf } from './service-of.ts';

const id = '3d7f1a2b'.repeat(8);

describe('the service of a container without labels', () => {
  it.each([
    ['is its name', 'backup', 'busybox', 'backup'],
    ['is its name without the number of its replica', 'api-2', 'busybox', 'api'],
    ['is its image, where Docker made the name up', 'gracious_ramanujan', 'busybox', 'busybox'],
    ['is its image, where Docker made the name up and it was taken', 'brave_tu7', 'busybox', 'busybox'],
    ['is its name, where that looks like one of Docker', 'shop_turing', 'busybox', 'shop_turing'],
    ['is its name, where that begins like one of Docker', 'happy_path', 'busybox', 'happy_path'],
    ['is its name, where the image is not known', 'brave_tu', null, 'brave_tu'],
    ['is its name, where the image is said to be empty', 'brave_tu', '', 'brave_tu'],
    ['is its name, where the image has only an id', 'brave_tu', `sha256:${id}`, 'brave_tu'],
    ['is its name, where the image has only a short id', 'brave_tu', id.slice(0, 12), 'brave_tu'],
  ])('%s', (_what, container, image, service) => {
    expect(serviceOf(container, null, image)).toBe(service);
    expect(serviceOf(container, {}, image)).toBe(service);
  });

  it.each([
    ['busybox:1.36', 'busybox'],
    ['docker.io/library/busybox:latest', 'busybox'],
    ['team/backup', 'team/backup'],
    [`team/backup@sha256:${id}`, 'team/backup'],
    [`localhost/backup:1@sha256:${id}`, 'backup'],
    ['localhost:5000/backup', 'backup'],
    ['registry.example.com:5000/team/backup:2026-11-30', 'team/backup'],
  ])('leaves registry, tag and digest of the image %s out', (image, service) => {
    expect(serviceOf('gracious_ramanujan', null, image)).toBe(service);
  });
});

describe('the service of a container with labels', () => {
  it('is what they say, whoever made the name up', () => {
    const labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.service': 'backup' };
    expect(serviceOf('gracious_ramanujan', labels, 'busybox')).toBe('shop/backup');
    expect(serviceOf('brave_tu', { 'com.docker.swarm.service.name': 'pay' }, 'busybox')).toBe('pay');
  });
});
