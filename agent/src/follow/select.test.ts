import { describe, expect, it } from 'vitest';
import { choose, names, ownContainerId } from './select.ts';

const id = 'a1b2c3d4e5f6'.padEnd(64, '0');
const web = { id, name: 'web-1', labels: {} };

describe('choose', () => {
  it('takes every container when none is named', () => {
    expect(choose({ containers: [] }, web)).toEqual({ follow: true, reason: 'all' });
  });

  it('takes those named by name, id or pattern', () => {
    for (const word of ['web-1', '/web-1', 'a1b2c3d4e5f6', id, 'web-*', '*']) {
      expect(choose({ containers: ['x', word] }, web)).toEqual({ follow: true, reason: 'named' });
    }
    expect(choose({ containers: ['web', 'eb-1', 'a1b'] }, web)).toEqual({
      follow: false,
      reason: 'not-named',
    });
    expect(names('w.b*', id, 'web')).toBe(false);
  });

  it('gives the label on the container the last word', () => {
    const labelled = (value: string) => ({ ...web, labels: { 'log-detector.enable': value } });
    expect(choose({ containers: ['web-1'] }, labelled('false')).follow).toBe(false);
    expect(choose({ containers: ['other'] }, labelled('true')).follow).toBe(true);
  });

  it('never takes the container that the agent runs in', () => {
    expect(choose({ containers: ['web-1'], ownId: id }, web)).toEqual({ follow: false, reason: 'self' });
  });
});

describe('ownContainerId', () => {
  it('finds it in the mounts over /etc, or in the path of a cgroup', () => {
    const mountinfo = `612 589 8:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/sda1 rw`;
    expect(ownContainerId({ mountinfo })).toBe(id);
    expect(ownContainerId({ cgroup: `12:memory:/docker/${id}\n` })).toBe(id);
    expect(ownContainerId({ cgroup: `0::/system.slice/docker-${id}.scope\n` })).toBe(id);
  });

  it('finds none on a host, though other containers are mounted there', () => {
    const mountinfo = `700 30 0:50 / /var/lib/docker/containers/${id}/mounts/shm rw - tmpfs shm rw`;
    expect(ownContainerId({ mountinfo, cgroup: '0::/init.scope\n' })).toBeUndefined();
  });
});
