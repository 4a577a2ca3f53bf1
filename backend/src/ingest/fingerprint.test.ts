import { hostileMessages, runToEnd } from '@log-detector/test-kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { examine, understand } from './fingerprint.ts';

const identityOf = (message: string): string => {
  const understood = understand(message);
  return understood.kind === 'trace' ? understood.fingerprint : understood.keys.join('');
};

const python = (type: string, line: number, message: string): string =>
  `Traceback (most recent call last):\n  File "/srv/app/shop/orders.py", line ${line}, in place\n    charge(order)\n  File "/srv/app/shop/pay.py", line ${line + 3}, in charge\n    raise X\n${type}: ${message}`;
const java = (type: string, line: number, message: string): string =>
  `${type}: ${message}\n\tat com.example.shop.Orders.place(Orders.java:${line})\n\tat org.springframework.web.Servlet.run(Servlet.java:${line + 9})\n\tat java.base/java.lang.Thread.run(Thread.java:833)`;
const node = (type: string, line: number, message: string): string =>
  `${type}: ${message}\n    at place (/srv/app/orders.js:${line}:7)\n    at Object.<anonymous> (/srv/app/node_modules/express/index.js:${line}:3)\n    at node:internal/main:1:2`;

const typeName = fc.stringMatching(/^[A-Z][a-z]{2,8}(?:Error|Exception)$/);
const lineNumber = fc.integer({ min: 1, max: 99_999 });

describe('understand', () => {
  it('understands a message as if it had never seen one that differs in digits alone', () => {
    const number = fc.oneof(
      fc.nat(9),
      fc.nat(99_999),
      fc.nat(999_999_999),
      fc.constantFrom('0', '007', '1700000000', '2700000000123'),
    );
    const piece = fc.oneof(
      { weight: 2, arbitrary: number.map((each) => `${each}`) },
      fc
        .array(fc.oneof(number, fc.constantFrom(...'.:,;/-+%#()[]<>|TZ')), { minLength: 1, maxLength: 6 })
        .map((parts) => parts.join('')),
      fc.constantFrom(
        '10.0.3.17',
        '10.0.3.17:5432',
        '5432:80',
        '12:5432',
        '10:00:00,123',
        '[10:00:00.123]',
        '2026-11-22',
      ),
      fc.constantFrom(
        '2026-11-22T10:00:00.123Z',
        '[2026-11-22T10:00:00Z]',
        '081109',
        '203518',
        '22/11/2026',
        '00:1b:44',
      ),
      number.map((each) => `https://example.com/a/${each}?b=${each}&c=d,`),
      fc.constantFrom(
        'ERROR',
        '[error]',
        'level=warn',
        'W',
        '<34>',
        '<34>1',
        'Nov',
        'Fri',
        'Jun',
        'host-1',
        'sshd[12]:',
      ),
      fc.constantFrom(
        'app.jobs',
        'Worker',
        '-',
        '|',
        '(',
        '#5',
        '[7]',
        'failed',
        'took',
        'of',
        'bytes',
        'ms',
        'seconds',
        'db:5432',
      ),
      fc.constantFrom(
        'exit status',
        'exited with code',
        'HTTP',
        'status:',
        'status',
        'signal',
        'responded',
        'error',
        'Error:',
        'exit',
        'country code',
        'error code:',
        'os error',
        'response',
        'result:',
        'closed with code',
        '"',
      ),
      fc.constantFrom(
        '0',
        '3',
        '40',
        '404',
        '503.',
        '137,',
        '4040',
        '10045',
        '(404)',
        '1045)',
        '503:',
        '404.5',
      ),
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 12 }), number, number, (pieces, a, b) => {
        const message = pieces.join(' ');
        const digits = `${a}${b}`;
        let next = 0;
        const others = [1, 2].map(() => message.replaceAll(/\d/g, () => digits[next++ % digits.length]!));
        for (const each of [message, message, message, ...others, ...others]) {
          const { joined: _, ...understood } = understand(each) as { joined?: string };
          const { joined: __, ...examined } = examine(each).understood as { joined?: string };
          expect(understood, each).toEqual(examined);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('tells statuses apart that are the first thing behind a level, however often it saw another one', () => {
    for (let times = 0; times < 3; times++) understand('ERROR HTTP 503. 1 left');
    expect(identityOf('ERROR HTTP 404. 1 left')).toContain('404');
  });

  it('gives a traceback the same fingerprint whatever its line numbers and message', () => {
    fc.assert(
      fc.property(typeName, lineNumber, lineNumber, fc.nat(), fc.nat(), (type, a, b, m, n) => {
        for (const trace of [python, java, node])
          expect(identityOf(trace(type, a, `order ${m}`))).toBe(identityOf(trace(type, b, `order ${n}`)));
      }),
    );
  });

  it('never gives two exception types one fingerprint', () => {
    fc.assert(
      fc.property(typeName, typeName, lineNumber, (one, other, line) => {
        fc.pre(one !== other);
        for (const trace of [python, java, node])
          expect(identityOf(trace(one, line, 'x'))).not.toBe(identityOf(trace(other, line, 'x')));
        expect(identityOf(`${one}: x happened`)).not.toBe(identityOf(`${other}: x happened`));
      }),
    );
  });

  it('sees through ids, times, counts and hosts in a plain message', () => {
    const sample = fc.record({
      count: fc.nat(),
      id: fc.uuid(),
      ip: fc.ipV4(),
      at: fc.date({ min: new Date('2000-01-01'), max: new Date('2099-01-01'), noInvalidDate: true }),
      ms: fc.nat({ max: 100_000 }),
    });
    const say = ({
      count,
      id,
      ip,
      at,
      ms,
    }: {
      count: number;
      id: string;
      ip: string;
      at: Date;
      ms: number;
    }): string =>
      `${at.toISOString()} ERROR [worker-${count}] c.e.shop.Orders : order ${id} from ${ip} failed ${count} times in ${ms}ms`;
    fc.assert(
      fc.property(sample, sample, (a, b) => void expect(identityOf(say(a))).toBe(identityOf(say(b)))),
    );
  });

  it('reads any text without failing', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 400 }), (text) => void understand(text)));
    fc.assert(
      fc.property(
        fc.array(fc.string({ maxLength: 60 }), { maxLength: 20 }),
        (lines) => void understand(lines.join('\n')),
      ),
    );
  });

  it('tells places apart by function and file of the own frames, library frames passed over', () => {
    const one = java('com.example.BadThing', 10, 'x');
    expect(identityOf(one.replace('Orders.place', 'Orders.cancel'))).not.toBe(identityOf(one));
    expect(identityOf(one.replace('web.Servlet.run', 'web.Filter.walk'))).toBe(identityOf(one));
  });

  it('tells by its message what was thrown in Node itself, where no frame is of own code', () => {
    const refused = (message: string): string =>
      `Error: ${message}\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1555:16) {\n  errno: -111\n}`;
    const looked = (code: string): string =>
      `Error: getaddrinfo ${code} db\n    at GetAddrInfoReqWrap.onlookupall [as oncomplete] (node:dns:120:26)`;
    const listened = (problem: string): string =>
      `Error: listen ${problem} 0.0.0.0:80\n    at Server.setupListenHandle [as _listen2] (node:net:1817:16)\n    at node:internal/main:1:2`;
    const each = [
      refused('connect ECONNREFUSED 10.0.0.1:5432'),
      refused('connect ETIMEDOUT 10.0.0.1:5432'),
      looked('ENOTFOUND'),
      looked('EAI_AGAIN'),
      listened('EADDRINUSE: address already in use'),
      listened('EACCES: permission denied'),
    ].map(identityOf);
    expect(new Set(each).size).toBe(each.length);
    expect(identityOf(refused('connect ECONNREFUSED 10.0.0.9:5433'))).toBe(each[0]);
  });

  it('tells what ended a C++ program by its type and by what it says', () => {
    const terminated = (type: string, what: string): string =>
      `terminate called after throwing an instance of '${type}'\n  what():  ${what}`;
    const each = [
      terminated(
        'std::out_of_range',
        'vector::_M_range_check: __n (which is 7) >= this->size() (which is 3)',
      ),
      terminated('std::runtime_error', 'cannot open config file'),
      terminated('std::runtime_error', 'database is locked by another process'),
      terminated('std::logic_error', 'cannot open config file'),
    ].map(identityOf);
    expect(new Set(each).size).toBe(each.length);
    expect(
      identityOf(
        terminated(
          'std::out_of_range',
          'vector::_M_range_check: __n (which is 12) >= this->size() (which is 4)',
        ),
      ),
    ).toBe(each[0]);
  });

  it('takes the message that .NET prints below level and category, and tells categories apart', () => {
    const logged = (category: string, said: string, before = ''): string =>
      `${before}fail: ${category}[0]\n      ${said}`;
    const each = [
      logged('Shop.Orders', 'Order 7 failed'),
      logged('Shop.Orders', 'User missing in cache'),
      logged('Shop.Users', 'Order 7 failed'),
      logged('Shop.Api.Jobs.Worker', 'Order 7 failed'),
      logged('Shop.Api.Jobs.Cleaner', 'Order 7 failed'),
    ].map(identityOf);
    expect(new Set(each).size).toBe(each.length);
    for (const same of [
      logged('Shop.Orders', 'Order 8 failed'),
      logged('Shop.Orders', 'Order 8 failed', '2026-11-22 10:00:00 '),
      logged('Shop.Orders', '=> SpanId:1f, TraceId:2e\n      Order 9 failed'),
    ])
      expect(identityOf(same)).toBe(each[0]);
    expect(examine(logged('Shop.Orders', 'Order 8 failed')).masked()).toBe('Shop.Orders: Order <num> failed');
  });

  it('takes the first sentence below a line that is all header, with its headings', () => {
    const failed = (said: string): string =>
      `2026-11-22T10:00:00.123Z ERROR 1 --- [main] o.s.b.d.LoggingFailureAnalysisReporter   : \n\n${'*'.repeat(27)}\nAPPLICATION FAILED TO START\n${'*'.repeat(27)}\n\nDescription:\n\n${said}\n\nAction:\n\nStop it.`;
    expect(examine(failed('Port 8080 was already in use.')).masked()).toBe(
      'APPLICATION FAILED TO START Description: Port <num> was already in use.',
    );
    expect(identityOf(failed('Port 8080 was in use.'))).not.toBe(identityOf(failed('No such bean.')));
    expect(examine('2026-11-22 10:00:00 ERROR\n====').masked()).toContain('ERROR');
  });

  it('groups whatever the number of parts, and names a group and not its last part', () => {
    const repeated = (times: number, make: (at: number) => string): string =>
      Array.from({ length: times }, (_, at) => make(at)).join('');
    const pythonGroup = (parts: number, inFunction = 'fetch'): string =>
      `  + Exception Group Traceback (most recent call last):\n  |   File "/app/sync.py", line 31, in run\n  |     async with asyncio.TaskGroup() as tg:\n  | ExceptionGroup: unhandled errors in a TaskGroup (${parts} sub-exceptions)\n${repeated(
        parts,
        (at) =>
          `  ${at ? '  ' : '+-'}+---------------- ${at + 1} ----------------\n    | Traceback (most recent call last):\n    |   File "/app/sync.py", line 12, in ${inFunction}\n    |     raise ValueError("bad")\n    | ValueError: bad\n`,
      )}    +------------------------------------`;
    const promises = (parts: number): string =>
      `AggregateError: All promises were rejected\n    at async main (/app/a.js:3:3) {\n  [errors]: [\n${repeated(parts, () => '    Error: boom\n        at fetch (/app/a.js:1:1),\n')}  ]\n}`;
    const suppressed = (parts: number): string =>
      `java.lang.IllegalStateException: x\n\tat com.example.A.f(A.java:3)\n${repeated(parts, () => '\tSuppressed: java.io.IOException: close\n\t\tat com.example.R.close(R.java:1)\n')}`;
    for (const make of [pythonGroup, promises, suppressed])
      expect(identityOf(make(7))).toBe(identityOf(make(1)));
    expect(understand(pythonGroup(2))).toMatchObject({
      title: 'ExceptionGroup: unhandled errors in a TaskGroup (<num> sub-exceptions)',
    });
    expect(identityOf(pythonGroup(1))).not.toBe(identityOf(pythonGroup(1, 'serve')));
    const wrapped = `${pythonGroup(2)}\n\nThe above exception was the direct cause of the following exception:\n\n${python('RuntimeError', 3, 'sync failed')}`;
    expect(understand(wrapped)).toMatchObject({ title: 'RuntimeError: sync failed' });
  });

  it('tells by what they say why processes of Elixir ended', () => {
    const ended = (reason: string, pid = 512): string =>
      `10:00:01.000 [error] GenServer #PID<0.${pid}.0> terminating\n** (stop) exited in: GenServer.call(Shop.Repo, {:checkout, 7}, 5000)\n    ** (EXIT from #PID<0.${pid}.0>) ${reason}\n    (shop 0.1.0) lib/shop/worker.ex:12: Shop.Worker.handle_info/2`;
    expect(identityOf(ended('time out'))).not.toBe(identityOf(ended('no process: it is not alive')));
    expect(identityOf(ended('time out', 7))).toBe(identityOf(ended('time out')));
    const raised = (type: string): string =>
      `** (exit) an exception was raised:\n    ** (${type}) expected at least one\n        (shop 0.1.0) lib/shop/orders.ex:10: Shop.Orders.show/2`;
    expect(understand(raised('Ecto.NoResultsError'))).toMatchObject({
      title: 'Ecto.NoResultsError: expected at least one',
    });
    expect(identityOf(raised('Ecto.NoResultsError'))).not.toBe(identityOf(raised('RuntimeError')));
  });

  it('reads the stack that Monolog writes within one line', () => {
    const logged = (type: string, calls: number, method = 'show'): string =>
      `[2026-11-22T10:00:01.000000+00:00] request.CRITICAL: Uncaught PHP Exception ${type}: "boom" at Orders.php line 1${calls} {"exception":"[object] (App\\\\new\\\\${type}(code: 0): boom at /app/src/Orders.php:1${calls})\\n[stacktrace]\\n#0 /app/src/Orders.php(181): App\\\\new\\\\Orders->${method}()\\n${Array.from({ length: calls }, (_, at) => `#${at + 1} /app/vendor/x/Y${at}.php(${at}): Y->z()\\n`).join('')}#9 {main}\\n"} []`;
    const once = logged('RuntimeException', 1);
    expect(understand(once)).toMatchObject({
      kind: 'trace',
      title: 'App\\new\\RuntimeException: boom',
      frames: ['App\\new\\Orders->show (src/Orders.php)'],
    });
    expect(identityOf(logged('RuntimeException', 5))).toBe(identityOf(once));
    expect(identityOf(logged('LogicException', 1))).not.toBe(identityOf(once));
    expect(identityOf(logged('RuntimeException', 1, 'list'))).not.toBe(identityOf(once));
  });

  it('takes what has no type and no own frame for a plain message, whose values templates find', () => {
    const logged = (pod: string, frame: string): string =>
      `2026-11-22T10:00:01Z\tERROR\tReconciler error\t{"controller": "shop", "error": "pods \\"${pod}\\" not found"}\n${frame}`;
    const library =
      'sigs.k8s.io/controller-runtime/pkg/internal/controller.(*Controller).Start\n\t/go/pkg/mod/sigs.k8s.io/controller-runtime@v0.17.2/pkg/internal/controller/controller.go:227';
    const own = 'main.reconcile\n\t/app/main.go:24';
    expect(understand(logged('alpha', library))).toMatchObject({ kind: 'plain' });
    expect(understand(logged('alpha', own))).toMatchObject({ kind: 'trace', title: 'Reconciler error' });
    expect(identityOf(logged('beta', own))).toBe(identityOf(logged('alpha', own)));
  });

  it('takes the first cause with the word that announces it', () => {
    const message =
      'Error:\n   0: cannot load config\n   1: No such file or directory\n\nLocation:\n   src/main.rs:12';
    expect(examine(message).masked()).toBe('Error: cannot load config');
  });

  it('counts the turns of a recursion once', () => {
    const turn = '\n    at walk (/srv/app/tree.js:5:3)';
    const trace = (turns: number): string =>
      `RangeError: too deep${turn.repeat(turns)}\n    at main (/srv/app/index.js:9:1)`;
    expect(identityOf(trace(90))).toBe(identityOf(trace(7)));
  });

  it('sees the same function behind generated names', () => {
    const trace = (name: string): string =>
      `java.lang.IllegalStateException: x\n\tat com.example.Shop.${name}(Shop.java:3)`;
    expect(identityOf(trace('lambda$run$0'))).toBe(identityOf(trace('lambda$run$7')));
  });

  it('tells an HTTP status, an exit code and an error of the system apart, be type and place the same', () => {
    const each = [
      node('AxiosError', 3, 'Request failed with status code 404'),
      node('AxiosError', 3, 'Request failed with status code 503'),
      node('Error', 3, "ENOSPC: no space left on device, write '/a'"),
      node('Error', 3, "EACCES: permission denied, open '/a'"),
      node('Error', 3, 'connect ECONNREFUSED 10.0.0.1:5432'),
      python('requests.exceptions.HTTPError', 3, '404 Client Error: Not Found for url: https://a.io/1'),
      python(
        'requests.exceptions.HTTPError',
        3,
        '500 Server Error: Internal Server Error for url: https://a.io/1',
      ),
      python('OSError', 3, '[Errno 28] No space left on device'),
      python('OSError', 3, '[Errno 24] Too many open files'),
      python('subprocess.CalledProcessError', 3, "Command 'x' returned non-zero exit status 1."),
      python('subprocess.CalledProcessError', 3, "Command 'x' returned non-zero exit status 2."),
    ];
    expect(new Set(each.map(identityOf)).size).toBe(each.length);
    expect(identityOf(node('Error', 9, 'connect ECONNREFUSED 10.0.0.9:5433'))).toBe(identityOf(each[4]!));
    expect(identityOf(node('TypeError', 3, 'order 404 is no order'))).toBe(
      identityOf(node('TypeError', 3, 'order 503 is no order')),
    );
  });

  it('knows the crash of another process of the same program', () => {
    const crash = (who: string) => identityOf(`${who} got signal 11\nsql/a.cc:1(JOIN::exec())[0x55a]`);
    expect(crash('Process 1017')).toBe(crash('Process 1018'));
    expect(crash('worker-17')).toBe(crash('worker-18'));
  });

  it.each([
    ['KeyError', (value: number) => python('KeyError', 3, `${value}`)],
    ['ValueError', (value: number) => python('ValueError', 3, `${value} is not a valid choice`)],
    [
      'ArrayIndexOutOfBoundsException',
      (value: number) => java('java.lang.ArrayIndexOutOfBoundsException', 3, `${value}`),
    ],
  ])('takes no value that a message begins with for a status: %s', (_, trace) => {
    expect(new Set(Array.from({ length: 600 }, (_, value) => identityOf(trace(value)))).size).toBe(1);
  });

  it('tells by its message of what a Java program ran out, wherever that was', () => {
    const out = (of: string): string =>
      identityOf(`java.lang.OutOfMemoryError: ${of}\n\tat com.example.Main.main(Main.java:7)`);
    expect(out('Java heap space')).not.toBe(out('unable to create native thread'));
    expect(out('Requested array size 12 is too large')).toBe(out('Requested array size 13 is too large'));
  });

  it('knows a status that a message begins with', () => {
    for (const trace of [
      (status: number) => python('starlette.exceptions.HTTPException', 3, `${status}: no luck`),
      (status: number) => python('HTTPError', 3, `${status}`),
      (status: number) => java('feign.FeignException$X', 3, `[${status}] during [GET] to [http://a/1]`),
      (status: number) => java('com.example.Remote$Failed', 3, `${status} Service Not There`),
    ])
      expect(identityOf(trace(503))).not.toBe(identityOf(trace(504)));
  });

  it('passes over what proxies put on the stack', () => {
    const trace = (between: string): string =>
      `java.lang.IllegalStateException: x\n\tat com.example.Shop.pay(Shop.java:3)\n${between}\tat com.example.Web.post(Web.java:9)`;
    for (const frame of [
      'Shop$$SpringCGLIB$$0.pay(<generated>)',
      'Order$HibernateProxy$aB3dE9xZ.total(Unknown Source)',
      'Order$ByteBuddy$Qq7w8Ert.total(Unknown Source)',
      'Shop_ClientProxy.pay(Unknown Source)',
      'Shop_$$_jvst3f2_0.pay(Shop_$$_jvst3f2_0.java)',
      'Shop$Proxy$_$$_WeldClientProxy.pay(Unknown Source)',
    ])
      expect(identityOf(trace(`\tat com.example.${frame}\n`)), frame).toBe(identityOf(trace('')));
  });

  it.each([
    [
      'Java',
      java('com.example.Bad', 3, 'x'),
      '\tat io.github.resilience4j.retry.Retry.decorate(Retry.java:7)',
    ],
    ['Java', java('com.example.Bad', 3, 'x'), '\tat org.jooq.impl.Tools.executeAndGet(Tools.java:7)'],
    ['Node', node('TypeError', 3, 'x'), '    at Runtime.handleOnce (file:///var/runtime/index.mjs:1171:29)'],
    ['Deno', node('TypeError', 3, 'x'), '    at serve (https://deno.land/std@0.201.0/http/server.ts:2:18)'],
    ['Python', python('ValueError', 3, 'x'), '  File "/srv/app/.pex/wheels/requests/api.py", line 5, in get'],
    ['Python', python('ValueError', 3, 'x'), '  File "/var/runtime/bootstrap.py", line 5, in main'],
  ])('passes over libraries of %s wherever they stand', (_, trace, library) => {
    const [first, ...rest] = trace.split('\n');
    expect(identityOf([first, library, ...rest].join('\n'))).toBe(identityOf(trace));
  });

  it.each([
    [
      'Java',
      (cause: string) =>
        `a.JobFailed: failed\n\tat a.Jobs.run(Jobs.java:9)\nCaused by: a.Bad: x\n\tat a.${cause}.pay(${cause}.java:3)\n\t... 40 more`,
    ],
    [
      'Python',
      (cause: string) =>
        `Traceback (most recent call last):\n  File "/app/${cause}.py", line 3, in pay\n    x\nValueError: x\n\nDuring handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "/app/jobs.py", line 9, in run\n    x\nRuntimeError: failed`,
    ],
    [
      'Node',
      (cause: string) =>
        `Error: failed\n    at run (/app/src/jobs.js:9:5) {\n  [cause]: TypeError: x\n      at pay (/app/src/${cause}.js:3:4)\n}`,
    ],
    [
      '.NET',
      (cause: string) =>
        `Shop.JobException: failed\n ---> System.ArgumentException: x\n   at Shop.${cause}.Pay() in /src/${cause}.cs:line 3\n   --- End of inner exception stack trace ---\n   at Shop.Jobs.Run() in /src/Jobs.cs:line 9`,
    ],
    [
      'Ruby',
      (cause: string) =>
        `/app/lib/jobs.rb:9:in 'run': failed (JobFailed)\n\tfrom /app/main.rb:1:in '<main>'\n/app/lib/${cause}.rb:3:in 'pay': x (ArgumentError)\n\tfrom /app/lib/jobs.rb:8:in 'run'`,
    ],
  ])('tells two faults apart that the same place of %s wraps alike', (_, trace) => {
    expect(identityOf(trace('Cart'))).not.toBe(identityOf(trace('Order')));
    expect(identityOf(trace('Cart').replace('3', '77'))).toBe(identityOf(trace('Cart')));
  });

  it('sees the same file in the folder of another build or run', () => {
    const trace = (folder: string): string =>
      `Traceback (most recent call last):\n  File "/srv/${folder}/job.py", line 3, in run\n    x\nValueError: x`;
    const folders = [
      'shop-3f2a91c',
      'shop-77e1b0d',
      'tmpab12cd34',
      'tmp.Xy12Zw34Qr',
      '_MEIa1b2c3',
      'orders',
      'carts',
    ];
    const [build, nextBuild, run, nextRun, unpacked, orders, carts] = folders.map((each) =>
      identityOf(trace(each)),
    );
    expect(nextBuild).toBe(build);
    expect(new Set([run, nextRun, unpacked])).toHaveLength(1);
    expect(orders).not.toBe(carts);
  });

  it('sees the same method in another build of a bundle, and tells its methods apart', () => {
    const trace = (file: string, name: string): string =>
      `TypeError: x is not a function\n    at ${name} (/srv/app/${file}:1:20)\n    at pay (/srv/app/pay.js:3:1)`;
    const built = identityOf(trace('dist/main.3f2a1b9c.js', 't.total'));
    expect(identityOf(trace('dist/main.99ff00aa.js', 'r.total'))).toBe(built);
    expect(identityOf(trace('dist/main.99ff00aa.js', 'r.cancel'))).not.toBe(built);
    expect(identityOf(trace('assets/index-Dk3jx81a.js', 'Nt'))).toBe(
      identityOf(trace('assets/index-B8xqP0zL.js', 'xe')),
    );
    expect(identityOf(trace('app.service.js', 'AppService.all'))).not.toBe(
      identityOf(trace('app.service.js', 'AppService.one')),
    );
  });

  it('knows a method of Ruby and a closure of Rust in whatever way a version names them', () => {
    const ruby = (name: string): string =>
      `/app/order.rb:3:in ${name}': order 1 (RuntimeError)\n\tfrom /app/web.rb:9:in 'create'`;
    expect(identityOf(ruby("'Order#pay"))).toBe(identityOf(ruby('`pay')));
    expect(identityOf(ruby("'block in Order.pay"))).toBe(identityOf(ruby('`block in pay')));
    const rust = (closure: string): string =>
      `thread 'main' panicked at src/pay.rs:3:5:\nboom\nstack backtrace:\n   0: shop::pay::charge::${closure}\n             at ./src/pay.rs:3:5`;
    expect(identityOf(rust('{closure#2}'))).toBe(identityOf(rust('{{closure}}')));
  });

  it('tells the crashes of mysqld and of mariadbd apart by signal and place', () => {
    const mysqld = (signal: number, place: string, at: string): string =>
      `10:0${at}:01 UTC - mysqld got signal ${signal} ;\nMost likely, you have hit a bug.\nstack_bottom = 7f${at} thread_stack 0x46000\n/usr/sbin/mysqld(my_print_stacktrace(unsigned char const*, unsigned long)+0x3d) [0x55c${at}]\n/usr/sbin/mysqld(${place}(THD*, Item**)+0x1${at}) [0x55d${at}]`;
    const mariadbd = (place: string, line: number): string =>
      `261122 10:00:01 [ERROR] /usr/sbin/mariadbd got signal 11 ;\nAttempt at backtrace.\nsql/signal_handler.cc:247(handle_fatal_signal)[0x55a${line}]\nsql/sql_select.cc:${line}(${place}())[0x55b${line}]`;
    const once = identityOf(mysqld(11, 'Item_func::fix_fields', '1'));
    expect(understand(mysqld(11, 'Item_func::fix_fields', '1'))).toMatchObject({
      kind: 'trace',
      title: 'mysqld got signal 11',
      frames: ['Item_func::fix_fields (sbin/mysqld)'],
    });
    expect(identityOf(mysqld(11, 'Item_func::fix_fields', '2'))).toBe(once);
    expect(identityOf(mysqld(6, 'Item_func::fix_fields', '1'))).not.toBe(once);
    expect(identityOf(mysqld(11, 'JOIN::optimize', '1'))).not.toBe(once);
    expect(identityOf(mariadbd('JOIN::optimize', 1))).toBe(identityOf(mariadbd('JOIN::optimize', 20)));
    expect(identityOf(mariadbd('JOIN::optimize', 1))).not.toBe(identityOf(mariadbd('JOIN::exec', 1)));
  });

  it('reads the stack inside a JSON record', () => {
    const stack = node('TypeError', 3, 'x');
    const json = JSON.stringify({
      level: 50,
      time: 1,
      msg: 'request failed',
      err: { type: 'TypeError', message: 'x', stack },
    });
    expect(identityOf(json)).toBe(identityOf(stack));
  });

  it('reads the stack that a logger puts behind the message', () => {
    const stack = node('TypeError', 3, 'x');
    const behind = (rest: object): string => `error: order 5 failed ${JSON.stringify(rest)}`;
    expect(identityOf(behind({ service: 'shop', stack }))).toBe(identityOf(stack));
    expect(identityOf(behind({ errorType: 'TypeError', stack: stack.split('\n') }))).toBe(identityOf(stack));
    expect(understand(behind({ stack: 'none' })).kind).toBe('plain');
    expect(identityOf(behind({ trace: 'one\ntwo' }))).toMatch(/^error: order/);
    expect(understand(`${behind({ stack })}}`).kind).toBe('plain');
  });

  it('reads the message inside a JSON record', () => {
    const json = (user: number): string =>
      JSON.stringify({ time: user, level: 'error', msg: `order ${user} not found` });
    expect(understand(json(1))).toEqual(understand(json(2)));
    expect(examine(json(1)).masked()).toBe('order <num> not found');
  });

  it('names a trace by its type and masked message', () => {
    const understood = understand(python('shop.errors.PaymentError', 3, 'order 4711 declined'));
    expect(understood).toMatchObject({
      kind: 'trace',
      title: 'shop.errors.PaymentError: order <num> declined',
    });
    expect(understood.kind === 'trace' && understood.fingerprint).toMatch(/^v2:[\da-f]{32}$/);
  });

  it.each(hostileMessages)('ends with many lines made to be slow: %s', (_name, message) => {
    let kind = '';
    runToEnd(() => {
      kind = understand(message).kind;
    });
    expect(kind).not.toBe('');
  });

  it('uses the first entry of an aggregate', () => {
    const rule = `\n\n${'-'.repeat(72)}\n\n`;
    expect(identityOf(`Aggregated 2 log entries over 0.5s.\n\nERROR disk full${rule}ERROR other`)).toBe(
      identityOf('ERROR disk full'),
    );
  });
});
