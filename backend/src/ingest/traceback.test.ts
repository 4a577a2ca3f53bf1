import { describe, expect, it } from 'vitest';
import { readTraceback } from './traceback.ts';

/** Types in the order printed, and the own frames of the exception reported. */
function told(message: string): { types: string[]; said: string; own: string[] } | undefined {
  const traceback = readTraceback(message);
  return (
    traceback && {
      types: traceback.exceptions.map(({ type }) => type),
      said: traceback.reported.message,
      own: traceback.reported.frames
        .filter(({ inApp }) => inApp)
        .map(({ name, file }) => (file === '' ? name : `${name} ${file}`)),
    }
  );
}

const cases: [language: string, message: string, expected: ReturnType<typeof told>][] = [
  [
    'Python, chained',
    `Traceback (most recent call last):
  File "/srv/app/shop/db.py", line 5, in load
    return rows[key]
KeyError: 'x'

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3/dist-packages/flask/app.py", line 99, in run
    rv = self.dispatch()
  File "/srv/app/shop/web.py", line 7, in show
    raise NotFound(key) from error
shop.errors.NotFound: no x`,
    { types: ['KeyError', 'shop.errors.NotFound'], said: 'no x', own: ['show shop/web.py'] },
  ],
  [
    'Java, with a cause',
    `2026-11-22 10:00:00 ERROR [main] c.e.App : request failed
java.lang.IllegalStateException: no order
\tat com.example.Shop.place(Shop.java:10)
\tat org.springframework.web.Servlet.run(Servlet.java:3)
Caused by: java.io.IOException: Connection reset
\tat java.base/sun.nio.ch.Net.read(Native Method)
\tat com.example.Db.read(Db.java:8)
\t... 2 more`,
    {
      types: ['java.lang.IllegalStateException', 'java.io.IOException'],
      said: 'no order',
      own: ['com.example.Shop.place Shop.java'],
    },
  ],
  [
    'Node',
    `Error: query failed
    at query (/srv/app/db.js:3:9)
    at async Promise.all (index 0)
    at /srv/app/node_modules/pg/index.js:1:1
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {
  [cause]: TypeError: x is not a function
      at call (/srv/app/call.js:1:1)
}`,
    { types: ['Error', 'TypeError'], said: 'query failed', own: ['query app/db.js'] },
  ],
  [
    'Go',
    `panic: runtime error: index out of range [5] with length 3

goroutine 1 [running]:
main.(*Shop).place(0xc000012345, 0x5)
\t/srv/app/shop.go:12 +0x1d
net/http.HandlerFunc.ServeHTTP(0x1)
\t/usr/local/go/src/net/http/server.go:2122 +0x2f
main.main()
\t/srv/app/main.go:7 +0x2f

goroutine 7 [select]:
main.other()
\t/srv/app/other.go:1 +0x2f`,
    {
      types: ['panic'],
      said: 'runtime error: index out of range [5] with length 3',
      own: ['main.(*Shop).place app/shop.go', 'main.main app/main.go'],
    },
  ],
  [
    'a data race of Go',
    `==================
WARNING: DATA RACE
Read at 0x00c00001c0a8 by goroutine 7:
  main.(*Cache).Get()
      /srv/app/cache.go:10 +0x30

Previous write at 0x00c00001c0a8 by main goroutine:
  main.main()
      /srv/app/main.go:12 +0xae
==================`,
    { types: ['DATA RACE'], said: '', own: ['main.(*Cache).Get app/cache.go', 'main.main app/main.go'] },
  ],
  [
    'ThreadSanitizer',
    `==================
WARNING: ThreadSanitizer: data race (pid=7)
  Write of size 4 at 0x7ba000000f88 by thread T1:
    #0 increment /srv/app/race.c:8:12 (race+0x4b2f1)
    #1 pthread_create <null> (libtsan.so.0+0x2cafd)
  Previous write of size 4 at 0x7ba000000f88 by main thread:
    #0 main /srv/app/main.c:20 (race+0x4b3f1)`,
    {
      types: ['ThreadSanitizer: data race'],
      said: '',
      own: ['increment app/race.c', 'main app/main.c'],
    },
  ],
  [
    'AddressSanitizer',
    `=================================================================
==7==ERROR: AddressSanitizer: heap-use-after-free on address 0x602000000010 at pc 0x55d0c0de1233
READ of size 4 at 0x602000000010 thread T0
    #0 0x55d0c0de1233 in sum /srv/asan/a.c:12:10
    #1 0x7f1c2a3b4c5d in __libc_start_main (/lib/x86_64-linux-gnu/libc.so.6+0x2a28f)
freed by thread T0 here:
    #0 0x7f06604b76a8 in __interceptor_free ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:52
    #1 0x7f0660245249 in __start ../sysdeps/nptl/libc_start_call_main.h:58`,
    { types: ['AddressSanitizer: heap-use-after-free'], said: '', own: ['sum asan/a.c'] },
  ],
  [
    'Ruby',
    `/srv/app/pay.rb:12:in \`charge': card declined (PaymentError)
\tfrom /srv/app/orders.rb:4:in \`block in place'
\tfrom /usr/lib/ruby/gems/3.1.0/gems/rack-2.2/lib/rack.rb:9:in \`call'`,
    { types: ['PaymentError'], said: 'card declined', own: ['charge app/pay.rb', 'place app/orders.rb'] },
  ],
  [
    'PHP',
    `PHP Fatal error:  Uncaught DomainException: no stock in /srv/app/src/Shop.php:12
Stack trace:
#0 /srv/app/vendor/slim/App.php(9): Shop->place()
#1 /srv/app/public/index.php(3): Slim\\App->run()
#2 {main}`,
    { types: ['DomainException'], said: 'no stock', own: ['Slim\\App->run public/index.php'] },
  ],
  [
    '.NET',
    `Unhandled exception. System.InvalidOperationException: no order
 ---> System.IO.IOException: gone
   at Shop.Db.Read(String key) in /srv/app/Db.cs:line 8
   --- End of inner exception stack trace ---
   at Shop.Orders.<PlaceAsync>d__4.MoveNext() in /srv/app/Orders.cs:line 21
   at System.Threading.Tasks.Task.Run()`,
    {
      types: ['System.InvalidOperationException', 'System.IO.IOException'],
      said: 'no order',
      own: ['Shop.Orders.PlaceAsync app/Orders.cs'],
    },
  ],
  [
    'Rust',
    `thread 'main' panicked at src/main.rs:4:5:
called \`Option::unwrap()\` on a \`None\` value
stack backtrace:
   0: rust_begin_unwind
             at /rustc/abc/library/std/src/panicking.rs:647:5
   1: core::panicking::panic
   2: shop::place::h0123456789abcdef
             at ./src/shop.rs:9:9
   3: shop::main`,
    {
      types: ['panic'],
      said: 'called `Option::unwrap()` on a `None` value',
      own: [' src/main.rs', 'shop::place src/shop.rs', 'shop::main'],
    },
  ],
  [
    'Rust, an error of anyhow with its causes and a backtrace',
    `2026-11-22T10:00:02.000000Z ERROR shop::orders: order failed

Caused by:
    0: user alice has no order
    1: timeout
    2: error trying to connect to db-1:5432: Connection refused (os error 111)

Stack backtrace:
   0: anyhow::error::<impl core::convert::From<E> for anyhow::Error>::from
   1: std::panicking::try::do_call::<fn() -> shop::Order, ()>
   2: shop::place
             at ./src/shop.rs:9:9`,
    {
      types: [''],
      said: '2026-11-22T10:00:02.000000Z ERROR shop::orders: order failed',
      own: ['shop::place src/shop.rs'],
    },
  ],
  [
    'Elixir',
    `** (ArithmeticError) bad argument in arithmetic expression
    (shop 0.1.0) lib/shop/cart.ex:12: Shop.Cart.total/1
    (elixir 1.15.0) lib/enum.ex:1: Enum.map/2`,
    {
      types: ['ArithmeticError'],
      said: 'bad argument in arithmetic expression',
      own: ['Shop.Cart.total/# shop/cart.ex'],
    },
  ],
  [
    'OCaml',
    `Fatal error: exception Not_found
Raised at Stdlib__Hashtbl.find in file "hashtbl.ml", line 539, characters 13-28
Called from Dune__exe__Shop.load in file "bin/shop.ml" (inlined), line 12, characters 8-30`,
    { types: ['Not_found'], said: '', own: ['Dune__exe__Shop.load bin/shop.ml'] },
  ],
  [
    'Go, an error with its stack, as errors and zap print it',
    `2026-11-22T10:00:00.000Z	ERROR	shop/main.go:24	query failed	{"id": 7}
main.(*Shop).place
	/srv/app/shop.go:24
github.com/acme/shop/api.Get[...]
	/srv/app/api.go:31
runtime.main
	/usr/local/go/src/runtime/proc.go:267`,
    {
      types: [''],
      said: '2026-11-22T10:00:00.000Z	ERROR	shop/main.go:24	query failed	{"id": 7}',
      own: ['main.(*Shop).place app/shop.go', 'github.com/acme/shop/api.Get[...] app/api.go'],
    },
  ],
  [
    'Lua',
    `lua: app.lua:3: attempt to index a nil value (global 'config')
stack traceback:
	[C]: in function 'error'
	app.lua:3: in upvalue 'load'
	app.lua:9: in main chunk
	[C]: in ?`,
    {
      types: [''],
      said: "lua: app.lua:3: attempt to index a nil value (global 'config')",
      own: ['load app.lua', ' app.lua'],
    },
  ],
  [
    'Haskell',
    `shop: Prelude.head: empty list
CallStack (from HasCallStack):
  error, called at libraries/base/GHC/List.hs:1646:3 in base:GHC.List
  badHead, called at app/Orders.hs:12:8 in main:Orders`,
    { types: [''], said: 'shop: Prelude.head: empty list', own: ['badHead app/Orders.hs'] },
  ],
  [
    'Swift',
    `App/shop.swift:12: Fatal error: Index out of range
Current stack trace:
0    libswiftCore.so                    0x00007f1c2a3b4c5d _swift_stdlib_reportFatalErrorInFile + 112
1    shop                               0x000055d0c0de1234 main + 20`,
    { types: [''], said: 'App/shop.swift:12: Fatal error: Index out of range', own: ['main shop'] },
  ],
  [
    'Perl',
    `no such order 7 at /srv/app/Shop.pm line 12.
\tShop::place(HASH(0x55d)) called at /srv/app/main.pl line 3`,
    { types: [''], said: 'no such order 7', own: ['Shop::place app/main.pl'] },
  ],
];

describe('readTraceback', () => {
  it.each(cases)('reads %s', (_language, message, expected) => {
    expect(told(message)).toEqual(expected);
  });

  it.each([
    ['docker compose', () => 'web-1  | '],
    ['CRI', (line: number) => `2026-11-22T10:00:00.00000${line}Z stderr F `],
    ['docker logs -t', (line: number) => `2026-11-22T10:00:00.${123456789 + line}Z `],
    ['syslog', (line: number) => `Nov 22 10:00:0${line % 10} host shop[${line}]: `],
    ['a logger', () => '2026-11-22 10:00:00,123 ERROR app: '],
    ['a request id', () => '[8a4c2e3f-1111-4222-8333-444455556666] '],
    ['torchrun', () => '[rank0]: '],
    ['Ray', () => '(f pid=123) '],
  ])('reads every language behind the prefix of %s', (_writer, prefix) => {
    for (const [, message, expected] of cases) {
      const lines = message.split('\n').map((line, at) => prefix(at) + line);
      expect(told(lines.join('\n'))).toEqual(expected);
      expect(told(lines.map((line) => line.trimEnd()).join('\n'))).toEqual(expected);
      expect(told(['order 7 failed', ...lines].join('\n'))?.types).toEqual(expected?.types);
    }
  });

  it.each([
    [
      'a crate in the official Rust image',
      `thread 'main' panicked at /usr/local/cargo/registry/src/index.crates.io-6f17/sqlx-0.7.4/src/pool.rs:44:5:
boom
stack backtrace:
   1: sqlx_core::pool::acquire
             at /usr/local/cargo/registry/src/index.crates.io-6f17/sqlx-0.7.4/src/pool.rs:44:5
   2: shop::main
             at ./src/main.rs:9:9`,
      'shop::main src/main.rs',
    ],
    [
      'a module of Go that was built with -trimpath',
      `panic: boom

goroutine 7 [running]:
github.com/gin-gonic/gin.(*Context).Next(...)
\tgithub.com/gin-gonic/gin@v1.9.1/context.go:174
github.com/acme/shop/api.(*Handler).Get(0xc000012345)
\tgithub.com/acme/shop/api/handler.go:12 +0x25`,
      'github.com/acme/shop/api.(*Handler).Get api/handler.go',
    ],
    [
      'drivers and effect systems of the JVM',
      `java.sql.SQLException: x
\tat oracle.jdbc.driver.T4CTTIoer.processError(T4CTTIoer.java:450)
\tat slick.jdbc.JdbcBackend.run(JdbcBackend.scala:3)
\tat cats.effect.IOFiber.run(IOFiber.java:3)
\tat com.example.Main.run(Main.scala:3)`,
      'com.example.Main.run Main.scala',
    ],
    [
      'clients of .NET',
      `StackExchange.Redis.RedisConnectionException: No connection
   at StackExchange.Redis.ConnectionMultiplexer.ExecuteSyncImpl[T](Message message)
   at MySqlConnector.Core.Connection.Open()
   at Shop.Orders.Get() in /src/Orders.cs:line 3`,
      'Shop.Orders.Get src/Orders.cs',
    ],
  ])('takes %s for libraries', (_library, message, own) => {
    expect(told(message)?.own).toEqual([own]);
  });

  it('takes a class in a package for a type, where a type must stand', () => {
    const trace = (thread: string, type: string, cause: string): string =>
      `${thread}${type}: no order\n\tat com.example.A.f(A.java:3)\nCaused by: ${cause}: no funds\n\tat com.example.B.g(B.java:3)`;
    expect(told(trace('', 'com.acme.StripeProblem', 'com.acme.Declined'))?.types).toEqual([
      'com.acme.StripeProblem',
      'com.acme.Declined',
    ]);
    expect(
      told(trace('Exception in thread "main" ', 'clojure.lang.ExceptionInfo', 'a.NoStock'))?.types,
    ).toEqual(['clojure.lang.ExceptionInfo', 'a.NoStock']);
  });

  it.each([
    'one line',
    'two\nlines',
    'Validation failed:\n  - name is missing\n  - age is missing',
    'Error: no start\n\nCaused by:\n    0: reading a.toml\n    1: timeout',
    '',
  ])('finds none in %j', (message) => {
    expect(readTraceback(message)).toBeUndefined();
  });
});
