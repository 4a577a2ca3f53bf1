// What Linux reports of its own faults, and of memory that ran out, behind its time stamps (transport.ts).

import { blank, type Row, type State } from './row.ts';

/** The line that begins a report. */
export const kernelFault =
  /^(?:BUG: (?!\S+ REPORT)|Oops: |general protection fault|Unable to handle kernel |kernel BUG at |Kernel panic - not syncing|WARNING: CPU: \d+ PID: |INFO: task \S+ blocked for more than|watchdog: BUG: |rcu: INFO: |-+\[ cut here \]-+|\S+ invoked oom-killer: )/;
/** What no line of another kind begins with: registers, the stack, tasks and memory. */
const rest =
  /^(?:\s|(?:CPU|Hardware name|RIP|Code|Call [Tt]race|Modules linked in|Oops|#PF|Workqueue|Stack|PKRU|Process|Mem-Info|CR\d|DR\d|[A-Z]S|R[A-Z0-9]{2}|task|memory|swap|Tasks state[^:]*|Last unloaded|Internal error|Mem abort info|Data abort info|Kernel Offset|pstate|pc|lr|sp|x\d+ ?|memory: usage): ?|RIP |EFLAGS|PGD |Memory cgroup |Kernel panic |kernel BUG |WARNING: CPU: |Tainted: |"echo 0 > |\[ *(?:\d+|pid) *\] |oom-kill:|oom_reaper: |Out of memory: |Killed process |Node \d+ |active_anon:|lowmem_reserve|[\d,]+ pages |\d+ total pagecache |(?:anon|file|kernel|slab|sock|shmem|pgfault)\w* \d+$|---\[ end )/;

export const kernel = {
  kernel: [
    {
      when: /^(?:Memory cgroup out of memory: |Out of memory: )?Kill(?:ed)? process \d+/,
      to: 'end',
      effect: 'proves',
    },
    { when: rest, to: 'kernel', effect: 'proves' },
    { when: (seen) => !seen.begins && seen.waiting < 3, to: 'kernel-rest', effect: 'waits' },
    { when: blank, to: 'kernel-rest', effect: 'waits' },
  ],
  'kernel-rest': [
    { when: rest, to: 'kernel', effect: 'proves' },
    { when: (seen) => !seen.begins && seen.waiting < 3, to: 'kernel-rest', effect: 'waits' },
  ],
} satisfies Partial<Record<State, Row[]>>;
