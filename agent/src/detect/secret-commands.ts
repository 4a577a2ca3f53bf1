// Secrets on command lines, as a program repeats the command that failed: `mysql -psecret`, `curl -u name:secret`. A short
// option means a secret only after the name of its program: `ssh -p 22` and `docker run -p 80:80` are none.

/** What may stand before an option: a blank, or the quote of a list of arguments. */
const before = '(?<=[\\s"\'])';
/** Between an option and its value: blanks, or the end and the begin of quotes in a list. */
const gap = '(?:["\'],\\s?["\']|\\s{1,3}["\']?)';
const value = '([^\\s"\',|;&<>]{1,256})';
/** `-psecret`; then `-p secret`; then both. The first of a command alone: `sshpass -psecret ssh -p 22`. */
const joined = (option: string) => new RegExp(`(${before}(?:${option})["']?)${value}`);
const apart = (option: string) => new RegExp(`(${before}(?:${option})${gap})${value}`);
const either = (option: string) => new RegExp(`(${before}(?:${option})(?:${gap})?)${value}`);
/** `-u name:secret`, of a server and a proxy. */
const named = (option: string, between: string) =>
  new RegExp(`(${before}(?:${option})(?:${gap}|["']?)[\\w.@\\\\-]{1,64}${between})${value}`, 'g');

const programs: [program: string, secrets: RegExp[]][] = [
  ['mysql[\\w-]{0,20}|maria(?:db|backup)[\\w-]{0,20}|xtrabackup|7z[ar]?|(?:un)?rar', [joined('-p')]],
  [
    'sshpass|(?:docker|podman|nerdctl|buildah|skopeo|oras|crane|az|oc|argocd|cf|helm registry)(?: [\\w-]{1,20}){0,2} login',
    [either('-p')],
  ],
  [
    'mongo(?:sh|dump|restore|import|export|stat|top|files)?|cqlsh|useradd|usermod|cypher-shell',
    [apart('-p')],
  ],
  ['docker login|podman login', [apart('-p')]],
  ['zip|unzip|mosquitto_[a-z]{3}|sqlcmd|bcp|osql|tsql', [apart('-P')]],
  ['(?:redis|keydb|valkey)-cli', [apart('-a')]],
  ['ldap(?:search|modify|add|delete|passwd|whoami|compare)', [apart('-w')]],
  ['openssl', [apart('-(?:k|K|passin pass:|pass pass:)')]],
  ['curl|wget|etcdctl', [named('-[a-zA-Z]{0,6}[uU]|--(?:proxy-)?user', '[:=]')]],
  ['smbclient', [named('-U|--user', '%')]],
  ['htpasswd', [new RegExp(`( -\\w{0,6}b\\w{0,6} \\S{1,200} \\S{1,64} )${value}`, 'g')]],
  ['rabbitmqctl', [new RegExp(`((?:add_user|change_password) \\S{1,64} )${value}`, 'g')]],
  ['net use', [new RegExp(`(/user:\\S{1,64} )${value}`, 'gi')]],
];

const anyProgram = new RegExp(
  `(?<![\\w.-])(?:${programs.map(([name]) => `(${name})`).join('|')})(?![\\w.])`,
  'g',
);
/** A command ends with its line, or where the next one begins. */
const endOfCommand = /[\n|;]|&&|\]|$/;
const longestCommand = 1024;
/** Ports of a container and its host. */
const ports = /^[\d.]+(?::[\d.]+)+(?:\/tcp|\/udp)?$/;
/** Of an explanation of the usage. */
const explained =
  /^(?:[A-Z_]*(?:PASSWORD|PASS|SECRET)|failed|is|was|and|or|must|requires|option|flag|given|missing)$/;

/** The text with `mark` for each secret in a command line. Nothing is looked at twice. */
export function redactCommands(
  text: string,
  mark: string,
  isPlaceholder: (value: string) => boolean,
): string {
  let out = '';
  let from = 0;
  anyProgram.lastIndex = 0;
  for (let match = anyProgram.exec(text); match; match = anyProgram.exec(text)) {
    const begin = anyProgram.lastIndex;
    const rest = text.slice(begin, begin + longestCommand);
    const end = begin + rest.search(endOfCommand);
    const secrets = programs[match.slice(1).findIndex((group) => group !== undefined)]![1];
    let command = text.slice(begin, end);
    for (const secret of secrets)
      command = command.replace(secret, (whole, lead: string, found: string) =>
        ports.test(found) || explained.test(found) || isPlaceholder(found) ? whole : lead + mark,
      );
    out += text.slice(from, begin) + command;
    from = end;
    anyProgram.lastIndex = end;
  }
  return from === 0 ? text : out + text.slice(from);
}

const login =
  /((?:PDO|mysqli|SoapClient)(?:->|::)__construct\(|(?:mysqli?_p?connect|ldap_bind|ftp_login|imap_open|ssh2_auth_password|->real_connect)\()((?:[^()'\n]|'[^'\n]{0,256}'|\([\w\\]{0,64}\)){0,512})\)/g;

/** The third argument of what PHP logs in with, as its stack traces show it. */
export function redactLogins(text: string, mark: string, isPlaceholder: (value: string) => boolean): string {
  return text.replace(login, (whole, name: string, list: string) => {
    let index = 0;
    const hidden = list.replace(/'([^'\n]*)'|[^,']+/g, (argument: string, quoted: string | undefined) => {
      if (argument.trim() === '') return argument;
      index++;
      return index === 3 && quoted && !isPlaceholder(quoted) ? `'${mark}'` : argument;
    });
    return index < 3 ? whole : `${name}${hidden})`;
  });
}
