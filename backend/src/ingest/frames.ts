// One line of a traceback -> the frame it names, in any of the languages; and whose code the frame is. A table of shapes:
// a new language is a new row here and, where its library paths are new, in `library`.

export interface Frame {
  /** Function or method, cleaned of what the compiler or the run made up. */
  name: string;
  /** File as its last two path segments, or '' when the language names none. */
  file: string;
  /** False for a library's, the language's own or a generated frame. */
  inApp: boolean;
}

interface Shape {
  /** What every line of this shape contains: most lines need no pattern to be passed over. */
  hint: string;
  pattern: RegExp;
  /** Library frames by the whole line, cleaned name or path. */
  library: RegExp;
}

const dotnetLibrary =
  /^(?:System|Microsoft|Newtonsoft|Npgsql|MySql|MySqlConnector|MongoDB|StackExchange|RabbitMQ|Confluent|MassTransit|Hangfire|Quartz|NHibernate|Azure|Amazon|Google|Castle|Autofac|FluentValidation|IdentityModel|OpenTelemetry|RestSharp|Refit|Swashbuckle|Serilog|NLog|Grpc|Polly|Dapper|MediatR|AutoMapper|Moq|xunit|Xunit|NUnit)\.|^lambda_method\d/;
/** What the C library (built in `../sysdeps/` …) and the sanitizers put on the stack; `<null>` is a place not known. */
const nativeLibrary =
  /^<null>|^\.\.\/(?:sysdeps|csu|nptl|stdlib)\/|\/usr\/(?:lib|include)|\blib(?:c|stdc\+\+|sanitizer|[a-z]{1,2}san)\b|^__interceptor_|^__libc|^_start$|^operator$/;
/** What prints the stack when a signal comes. */
const crashLibrary =
  /\blib(?:c|pthread|stdc\+\+)[.-]|^\?\?|stacktrace|fatal_signal|(?:^|_)backtrace|signal_handler|^(?:abort|raise|gsignal)\b/;
/** Other people's crates, wherever `CARGO_HOME` is, and Rust's own. */
export const rustLibrary = /\/rustc\/|\bcargo\/(?:registry|git)\/|(?:^|\/)library\/(?:std|core|alloc)\//;
const place = '[^\\s()"]{0,400}';

// Every pattern is anchored at the start and has one variable run per part, so a hostile line costs linear time.
const shapes: Record<string, Shape> = {
  python: {
    hint: 'File "',
    pattern: /^[\s|+]*File "(?<file>[^"]{1,400})", line \d+(?:, in (?<name>.{1,200}))?/,
    library:
      /site-packages|dist-packages|\/\.pex\/|^\/var\/runtime\/|\/lib\/python\d|\/lib64\/python\d|^<|\\Lib\\|\/python\d\.\d+\//,
  },
  // JavaScript comes before Java and .NET: its places end in line and column.
  javascript: {
    hint: 'at ',
    pattern: new RegExp(
      `^\\s*at (?:async )?(?:(?<name>[^()]{1,200}?) )?\\(?(?:(?:file|webpack(?:-internal)?|https?|app):/{0,3})?(?:(?<file>${place}?):\\d+:\\d+|native|<anonymous>)\\)?,?(?: \\{)?$`,
    ),
    library:
      /node_modules|\/\.yarn\/|^\/?var\/runtime\/|^(?:deno\.land|jsr\.io|esm\.sh|cdn\.jsdelivr\.net|unpkg\.com)\/|^(?:node|ext|deno|bun):|^internal\/|^<anonymous>|\bnative\b|webpack\/(?:runtime|bootstrap)|^(?:_stream_|events|net|module|fs|timers)\.js$|\/internal\//,
  },
  browser: {
    hint: '@',
    pattern: new RegExp(
      `^\\s*(?<name>[\\w$.<>/*\\[\\] ]{0,120}?)@(?:(?:https?|file|webpack):/{2,3})(?<file>${place}?):\\d+(?::\\d+)?$`,
    ),
    library: /node_modules|webpack\/(?:runtime|bootstrap)/,
  },
  dotnet: {
    hint: ':',
    pattern:
      /^\s*(?:at|en|bei|à) (?<name>(?:[\w`<>$|.,+[\]]|::){2,300})\((?:[^()]|\([^()]{0,200}\)){0,400}\)(?: (?:in|en|dans) (?<file>.{1,400}):(?:line|línea|ligne) \d+)$/,
    library: dotnetLibrary,
  },
  mono: {
    hint: 'at ',
    pattern:
      /^\s*at (?<name>[\w`<>$|.,+[\]]{2,400}) ?\([^()]{0,400}\) (?:\[0x[\da-f]+\] )?in (?<file>[^:]{1,300}):\d+\s*$/,
    library: /^(?:System|Microsoft|Mono)\./,
  },
  java: {
    hint: '(',
    pattern:
      /^\s*(?:at|@) (?:[\w.@-]{1,80}\/{1,2}(?:[\w.@-]{1,80}\/)?)?(?<name>[\w$.<>\u00a0-\uffff-]{1,300})\((?<file>[\w$.-]{1,200}\.(?:java|kts?|scala|groovy|cljc?|gen)|Native Method|Unknown Source|<generated>|[\w$-]{1,80})(?::-?\d+)?\)/,
    library:
      /^(?:java|javax|jakarta|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy|clojure|slick|cats|fs2|zio|feign|graphql|oracle\.(?:jdbc|net|sql|ucp)|org\.(?:springframework|apache|hibernate|eclipse|jboss|codehaus|junit|slf4j|postgresql|gradle|mockito|scala_lang|aspectj|thymeleaf|flywaydb|reactivestreams|glassfish|jetbrains|mortbay|mariadb|mongodb|redisson|quartz|http4s|xnio|sqlite|yaml)|io\.(?:netty|undertow|micronaut|quarkus|vertx|reactivex|grpc|ktor|lettuce|micrometer|opentelemetry|smallrye)|reactor|rx|akka|play|com\.(?:google\.(?:common|inject|protobuf|gson|api|cloud)|microsoft\.sqlserver|datastax|hazelcast|fasterxml|zaxxer|mysql|android|netflix|mongodb|amazonaws|squareup|rabbitmq|oracle|codahale)|ch\.qos|okhttp3|okio|retrofit2|android|androidx|dalvik|redis\.clients|software\.amazon|net\.(?:sf|bytebuddy))\.|^(?:jdk\.proxy\d+\.|com\.sun\.proxy\.)?\$Proxy\d|^(?:org\.(?:hsqldb|h2|mortbay|quartz|jooq|mybatis|keycloak|bouncycastle|elasticsearch|opensearch|infinispan|neo4j|jsoup|camunda|liquibase)|com\.(?:mchange|alibaba\.druid|github\.benmanes|nimbusds|azure|microsoft\.azure|typesafe|querydsl|stripe|graphql)|io\.(?:r2dbc|jsonwebtoken|sentry|confluent|minio|nats|temporal|github\.resilience4j|jaegertracing|zipkin|opentracing)|co\.elastic|liquibase|dev\.failsafe)\.|^<generated>|GeneratedMethodAccessor|GeneratedConstructorAccessor|FastClassBy|EnhancerBy|\$\$(?:SpringCGLIB|FastClass)|\$(?:HibernateProxy|ByteBuddy|MockitoMock)\$|_(?:ClientProxy|Subclass)\.|_\$\$_(?:jvst|javassist|Weld)/,
  },
  dotnetBare: {
    hint: 'at ',
    pattern: /^\s*at (?<name>(?:[\w`<>$|.,+[\]]|::){2,300})\((?:[^()]|\([^()]{0,200}\)){0,400}\)\s*$/,
    library: dotnetLibrary,
  },
  ruby: {
    hint: ':in ',
    pattern:
      /^\s*(?:\d+: )?(?:from )?(?<file>[^\s:]{1,400}\.(?:rb|erb|ru|rake|haml|slim)|[^\s:]{1,200}\/bin\/\w+|<internal:[^>]{1,100}>|-e|\(irb\)):\d+:in [`'](?<name>[^'`]{1,200})'/,
    library: /\/gems\/|\/ruby\/\d|\/lib\/ruby|<internal:|\/bundle\/|^\s*\w+ \([\d.]+\) /,
  },
  rubyGem: {
    hint: ':in ',
    pattern: /^\s*(?:from )?\w[\w-]* \(\d[\w.]*\) (?<file>[^\s:]{1,400}):\d+:in [`'](?<name>[^'`]{1,200})'/,
    library: /^/,
  },
  php: {
    hint: '#',
    pattern:
      /^\s*#\d+ (?:\[internal function\]|(?<file>[^():]{1,400})\(\d+\)): (?<name>[\w\\:{}@>$.-]{1,250})/,
    library: /\/vendor\/|\[internal function\]/,
  },
  dart: {
    hint: '#',
    pattern:
      /^\s*#\d+\s+(?<name>[^\s(][^(]{0,199}?) \((?<file>(?:package|dart|file):[^():]{1,300})(?::\d+){0,2}\)/,
    library: /dart:|package:flutter\//,
  },
  sanitizer: {
    hint: ' 0x',
    pattern:
      /^\s*#\d+ 0x[\da-f]{1,16} (?:in )?(?<name>[^\s(]{1,300}(?:\([^()]{0,300}\))?)(?: (?<file>\.{0,2}\/[^\s:]{1,400})(?::\d+){0,2}| \((?:[^()]{1,300})\))?/,
    library: nativeLibrary,
  },
  // ThreadSanitizer names a frame by its place, and gives the address within the module.
  tsan: {
    hint: '+0x',
    pattern:
      /^\s*#\d+ (?<name>[^\s(]{1,300}(?:\([^()]{0,300}\))?) (?<file><null>|[^\s:()<]{1,400})(?::\d+){0,2} \([^()]{1,300}\+0x[\da-f]{1,16}\)/,
    library: nativeLibrary,
  },
  // What glibc prints of a program's own stack: `/usr/sbin/mysqld(JOIN::optimize()+0x1a) [0x55d8c1]`
  glibc: {
    hint: '+0x',
    pattern: /^\s*(?<file>[^\s()]{1,300})\((?<name>[^+]{1,300})\+0x[\da-f]{1,16}\) ?\[0x[\da-f]{1,16}\]$/,
    library: crashLibrary,
  },
  mariadb: {
    hint: ')[0x',
    pattern: /^\s*(?<file>[^\s():]{1,300}):\d{1,7}\((?<name>.{1,300})\)\[0x[\da-f]{1,16}\]$/,
    library: crashLibrary,
  },
  rust: {
    hint: ': ',
    pattern: /^\s*\d+:\s+(?:0x[\da-f]{1,16} - )?(?<name>[\w<>:{}#$&*',.[\]() -]{1,400})$/,
    library:
      /^(?:std|core|alloc|backtrace|tokio|futures|hyper|tower|actix_\w+|axum|rayon|tracing|anyhow|eyre|color_eyre|test)::|^<(?:std|core|alloc|tokio|futures)|^<.{1,200} as (?:core|alloc|std)::|rust_begin_unwind|rust_panic|__rust_|^__libc|^_start$|^main$|^__pthread|^start_thread|^clone3?$/,
  },
  elixir: {
    hint: ': ',
    pattern:
      /^\s*(?:\((?<app>[\w-]{1,60})(?: [\w.+-]{1,40})?\) )?(?<file>[\w./-]{1,200}\.exs?|[\w./-]{1,200}\.erl):\d+: (?<name>.{1,200})/,
    library:
      /^\s*\((?:elixir|stdlib|kernel|erts|phoenix\w*|plug\w*|cowboy\w*|ecto\w*|bandit|thousand_island|ex_unit|logger|mix|iex|db_connection|postgrex)\b|^(?:gen_server|proc_lib|gen_statem|erl_eval)/,
  },
  ocaml: {
    hint: ' file "',
    pattern:
      /^(?:Raised (?:by primitive operation )?at|Called from|Re-raised at) (?:(?<name>[\w.']{1,200}) in )?file "(?<file>[^"]{1,400})"(?: \(inlined\))?, lines? \d/,
    library: /^(?:Stdlib|Camlinternal\w{0,40}|Base|Core|Lwt\w{0,40}|Async\w{0,40})(?:__|\.)/,
  },
  lua: {
    hint: ': in ',
    pattern:
      /^\s+(?<file>\[C\]|[^\s:]{1,300})(?::\d+)?: in (?:[a-z ]{0,30}'(?<name>[^']{1,200})'|main chunk|function <[^>]{1,300}>|\?)$/,
    library: /^\[C\]|\/lualib\/|\/share\/lua\//,
  },
  haskell: {
    hint: ', called at ',
    pattern: /^\s+(?<name>[\w.':]{1,200}), called at (?<file>[^\s:]{1,400}):\d+:\d+ in \S{1,300}$/,
    library: /^libraries\//,
  },
  perl: {
    hint: ' called at ',
    pattern: /^\s*(?<name>[\w:]{1,200})\(.{0,400}\) called at (?<file>[^\s]{1,300}) line \d+/,
    library: /\/perl5?\/|\/usr\/share\/perl/,
  },
  swift: {
    hint: ' 0x',
    pattern: /^\s*\d+\s+(?<file>[\w.+-]{1,100})\s+0x[\da-f]{16} (?<name>.{1,250}?) \+ \d+/,
    library: /^(?:lib\w+|Foundation|CoreFoundation|UIKit\w*|SwiftUI|dyld|\?\?\?)/,
  },
};

const goFunction =
  /^(?<name>(?:[\w.$~%@-]{1,100}\/){0,10}[\w.$~%@-]{1,100}?\.(?:\(\*?[\w[\]., ]{1,100}\)\.)?[\w.$[\]-]{1,100})\((?:.{0,500})\)$/;
/** As errors and zap print it, without arguments: known by the place below it alone. */
const goBareFunction = /^(?=\S*\.)(?<name>[^\s()]{1,200}(?:\.\(\*?[^\s()]{1,100}\)\.[^\s()]{1,100})?)$/;
const goCreated = /^created by (?<name>\S{1,300}?)(?: in goroutine \d+)?$/;
const goPlace = /^\s+(?<file>\S{1,400}\.(?:go|s)):\d+(?: \+0x[\da-f]+)?\s*$/;
/** `@v1.9.1/`: a module, whose version a build with -trimpath leaves in its path. */
const goLibrary =
  /\/usr\/local\/go\/|@v\d+\.\d+\.\d+[^/]*\/|\/go\/src\/|\/pkg\/mod\/|\/vendor\/|\/libexec\/src\/|\/goroot\//i;
const rustPlace = /^\s+at (?<file>\S{1,400}?):\d+(?::\d+)?$/;

/** The language's own hints in a name that change from build to build or run to run. */
function cleanName(name: string): string {
  return name
    .trim()
    .replace(
      /^(?:async |new |static |block (?:\(\d+ levels\) )?in |rescue in |ensure in |anonymous fn\/\d+ in )+/,
      '',
    )
    .replace(/::h[\da-f]{16}$/, '')
    .replace(/(?:::)?\{\{?closure(?:#\d+)?\}?\}(?:#\d+)?/g, '')
    .replace(/\$\$(?:Lambda|Enhancer|FastClass|SpringCGLIB|_)[^.]{0,80}/g, '')
    .replace(/lambda\$(\w{1,80}?)\$\d+/g, '$1')
    .replace(/<(\w{1,80})>[a-z]__\w{1,20}(?:\.MoveNext)?/g, '$1')
    .replace(/\$anonfun\$?/g, '$')
    .replace(/\.func\d+(?:\.\d+)*/g, '')
    .replace(/\[as \w{1,60}\]/g, '')
    .replace(/\(.{0,300}\)$/, '')
    .replace(/@[\da-f]{4,16}\b/g, '')
    .replace(/\d+/g, '#')
    .trim();
}

/** Vite's and Rollup's: `index-Dk3jx81a.js` */
const bundleHash = /-(?=[\w-]*(?:\d|[a-z][A-Z]))[\w-]{8}(?=\.[cm]?js$)/;

/** A folder made for one build or run: `shop-3f2a91c`, `tmpab12cd34`, `_MEIa1b2c3` */
const madeUpFolder = /(?:^|(?<=[._-]))(?=[a-f]*\d)[\da-f]{7,40}(?=\/)|^(?:tmp[.-]?\w{6,12}|_MEI\w{6})(?=\/)/i;

/** Two last segments, without what a build or a run puts in: hashes and versions. */
function cleanFile(file: string): string {
  return file
    .split(/[\\/]/)
    .slice(-2)
    .join('/')
    .replace(/\?.*$/, '')
    .replace(madeUpFolder, '#')
    .replace(/([.-])[\da-f]{6,40}(?=\.)/gi, '$1#')
    .replace(bundleHash, '-#')
    .replace(/\d+/g, '#');
}

const minifiedFile =
  /\.min\.|(?:^|[/\\])(?:chunk|bundle|vendor|main|app|runtime|polyfills)[.-](?=\w*\d)\w{4,}\.|\.[\da-f]{8,}\./i;
/** `#` stands for a number. */
const shortName = /^(?:[a-zA-Z_$]{1,2}#?\.)*[a-zA-Z_$]{1,2}#?$/;

/** What a minifier leaves of a name: the next build would call all else otherwise. */
function withoutMinified(name: string, file: string): string {
  if (shortName.test(name)) return '';
  if (!minifiedFile.test(file)) return name;
  // Methods keep their names: `t.total`
  const method = name.slice(name.lastIndexOf('.') + 1);
  return method.length > 3 ? method : '';
}

/** Not a cause that anyhow and eyre number like frames: a symbol has its spaces within brackets, and hardly is one bare word. */
function isRustSymbol(name: string): boolean {
  let depth = 0;
  for (const char of name.replaceAll('->', '')) {
    if ('<({['.includes(char)) depth++;
    else if ('>)}]'.includes(char)) depth--;
    else if (char === ' ' && depth <= 0) return false;
  }
  return /::|_|^main$/.test(name);
}

function nameOf(language: string, name: string, file: string): string {
  if (language === 'ruby') return name.replace(rubyClass, '');
  if (language !== 'javascript' && language !== 'browser') return name;
  const readable = withoutMinified(name, file);
  return readable.replace(/^(?:Object\.)?<anonymous>$/, '');
}

/** Ruby names it from 3.4 on: `Order#pay`, `Order.all` */
const rubyClass = /^[A-Z][\w:]*[#.](?=[a-z_])/;

export interface FrameReader {
  /** The frame that this line names; 'part' when it belongs to the frame before; undefined when it is no frame. */
  read(line: string, next?: string): Frame | 'part' | undefined;
}

/** Reads the lines of one traceback, in order: Go and Rust say a frame in two lines. */
export function createFrameReader(): FrameReader {
  let pending: Frame | undefined;
  /** The language of the last frame goes first: a traceback is nearly always of one. */
  let order = Object.entries(shapes);
  return {
    read(line, next = '') {
      const text = line.length > 1000 ? line.slice(0, 1000) : line;
      if (pending) {
        const where = (goPlace.exec(text) ?? rustPlace.exec(text))?.groups?.file;
        if (where !== undefined) {
          pending.file = cleanFile(where);
          if (goLibrary.test(where) || rustLibrary.test(where)) pending.inApp = false;
          pending = undefined;
          return 'part';
        }
        pending = undefined;
      }
      const isGoPlaceNext = next.startsWith('\t') && next.includes('.go:') && goPlace.test(next);
      const go =
        goFunction.exec(text) ?? goCreated.exec(text) ?? (isGoPlaceNext ? goBareFunction.exec(text) : null);
      if (go?.groups?.name && !text.startsWith(' ')) {
        const name = go.groups.name;
        const standard = !name.split('/')[0]?.includes('.') || name.indexOf('/') === -1;
        pending = {
          name: cleanName(name),
          file: '',
          inApp: !(
            standard &&
            /^(?:runtime|panic|net|os|testing|sync|reflect|syscall|internal|encoding|database|io|fmt|bufio|context|time)\b/.test(
              name,
            )
          ),
        };
        return pending;
      }
      for (const [language, shape] of order) {
        const found = text.includes(shape.hint) ? shape.pattern.exec(text) : null;
        if (!found || (language === 'rust' && !isRustSymbol(found.groups!.name!))) continue;
        if (order[0]?.[0] !== language && language !== 'dotnetBare')
          order = [[language, shape], ...Object.entries(shapes).filter(([other]) => other !== language)];
        const { name = '', file = '' } = found.groups as { name?: string; file?: string };
        const cleaned = cleanName(name);
        const inApp = !(
          shape.library.test(file) ||
          shape.library.test(name) ||
          (language === 'elixir' && shape.library.test(text)) ||
          (language === 'php' && file === '')
        );
        const js = language === 'javascript' || language === 'browser';
        const frame = {
          name: nameOf(language, cleaned, file),
          file: cleanFile(file),
          inApp: inApp && !(js && file === ''),
        };
        if (language === 'rust') pending = frame;
        return frame;
      }
      return undefined;
    },
  };
}
