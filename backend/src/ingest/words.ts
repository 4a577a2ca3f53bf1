// How likely a word is a value and not part of the sentence, by its looks and by the company it keeps. The list is
// ordinary English of the kind every program logs; nothing in it comes from a data set.

/** Words that programs write themselves: states, outcomes, verbs, directions and glue. */
const common = new Set(
  `a about above accept accepted access acknowledged action active activated add added after again all allowed already also
an and answer any application are argument arguments as assigned at attempt attempting attempts available bad batch be because become been
before begin beginning below between block blocked body both broken buffer buffers but by bytes cache call called caller calling can cancel canceled
cancelled cannot cause caused change changed channel check checked checking child clean cleanup clear client clients close closed closing code column
command commit committed complete completed config configuration configured conflict connect connected connecting connection connections
console container containers context continue control could count create created creating critical current cycle daemon data database date
dead debug decline declined decode default delay delayed delete deleted deleting denied deny dependency destroy destroyed detach detected device did different
directory disable disabled disconnect disconnected discard discarded disk do does done down drop dropped due duplicate during each
empty enable enabled encode end ended ending enough enter entry error errors event events exceed exceeded exceeds exception execute executed
execution exist existing exists exit exited exiting expect expected expire expired fail failed failing fails failure fatal fetch field file files
finish finished first flush for force forbidden found free from full function gateway generate generated get give given got group had handle handler
handling has have header health healthy held high hit host hour hours id idle if ignore ignored ignoring illegal in inactive incoming incomplete index info
initialize initialized initializing input insert inserted instance internal interrupt interrupted into invalid io is it item items its job
join joined just key kill killed killing known last later launch launched least left length less limit line link list listen
listening listener load loaded loading local lock locked log logged login logout long lost low made make many map mapping match max maximum memory
message messages method min minimum minute minutes misconfigured missing mode modified modify module more mount must name need network never new next no node none normal not
nothing notification now null number object of off offline ok old on once one online only open opened opening operation option or order
other out output over own packet page panic parameter parent parse parsed part partition pass passed password path paused peer pending per permission
permitted pipe plugin policy pool port post present previous primary problem process processed processing property protocol proxy publish put query queue
queued quit quota range reached read readable readonly ready reboot receive received receiving reconnect reconnecting record recover recovered
redirect refresh refused register registered registering registration reject rejected release released reload reloaded remain remote remove removed
removing renew repeat replace replay reply report request requested requests require required reset resolve resolved resource response
restart restarted restarting restore resume resumed retries retry retrying return returned revoked right role rollback root-level route row run running
same save saved scan schedule scheduled scheduler schema script search second secondary seconds section see seen select send sender sending sent
sequence server service session sessions set setting several severed shared should shut shutdown shutting signal since size skip skipped
skipping slave sleep slept slot slow so socket some source space spawn spawned specified stale standby start started starting startup state status
still stop stopped stopping storage store stored stream string submit success succeeded successful successfully such support supported suspend suspended
switch sync synced system table target task temporary terminate terminated terminating than that the their then there
these they this thread threads through time timed timeout times to token too total transaction transfer transferring trigger try trying type
unable unauthorized unavailable undefined unexpected unhandled unhealthy unknown unlock unreachable unregister unsupported until up update updated
updating upgrade upload use used user users using valid validate value values version via wait waiting wake want warn warning was were when where
which while will with within without work worker would write writing written wrong yes yet zero zone`.split(
    /\s+/,
  ),
);
const sentenceEnding =
  /(?:ed|ing|tion|sion|ment|ness|able|ible|ful|ly|less|ous|ity|ance|ence|ure|ism|ive|ical)$/;

/**
 * - `mask`: masked already
 * - `name`: looks made up: dots, slashes, digits, several humps; or a number spelled out
 * - `constant`: ALL CAPITALS, words_so_joined or WordsThatFailed, a state or a code
 * - `plain`: letters that no list knows, a name as likely as a noun
 * - `sentence`: a word of the language
 * - `type`: an exception's type, a status, an exit code: two of them are never one error
 * - `mark`: punctuation
 */
export type WordKind = 'mask' | 'name' | 'constant' | 'plain' | 'sentence' | 'type' | 'mark';

const spelledNumber = /^(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|hundred|thousand)$/;
const exceptionType =
  /[\w$](?:Error|Exception|Warning|Fault|Failure|Throwable|Panic|Interrupt)$|^ ?(?:exception|instance of) \S|^ ?\d{1,5}$/;

/** Of Chinese, Japanese, Korean or Thai: what is longer than a name is a part of the sentence. */
const unspacedSentence = /[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]{4}/;
const nameShape = /[\d./\\@$_#*~]|[a-z][A-Z]/;

/**
 * Whether a piece names an exception's type, as languages spell them or with the words that say so; or is a status or an exit
 * code, the only numbers that masking leaves.
 */
export function isTypeWord(piece: string): boolean {
  return exceptionType.test(piece);
}

/** `NoSuchKey`, `SlowDown`: of several humps, one of which says that something failed. */
const hump = /[A-Z]+(?![a-z])|[A-Z][a-z]+/g;
const failureHump =
  /^(?:No|Not|Non|Denied|Invalid|Fail|Failed|Expired|Exceeded|Exhausted|Unavailable|Timeout|Timed|Deadline|Unauthorized|Forbidden|Limit|Throttled|Throttling|Missing|Duplicate|Conflict|Mismatch|Too|Unreachable|Refused|Rejected|Lost|Closed|Unknown|Aborted|Canceled|Cancelled|Unsupported|Off|Down|Killed|Evicted|Already|Cannot|Unable|Bad|Broken|Illegal|Corrupt|Corrupted|Overloaded|Unexpected|Insufficient|Disconnected)$/;
const isFailureCode = (word: string): boolean =>
  /^[A-Z][A-Za-z]*$/.test(word) && (word.match(hump)?.some((part) => failureHump.test(part)) ?? false);

/** What kind of word a piece is; a leading space does not count. */
export function kindOfWord(piece: string): WordKind {
  if (piece.includes('<*>') || piece.includes('<?>') || piece.includes('<~>')) return 'mask';
  const word = piece.startsWith(' ') ? piece.slice(1) : piece;
  if (!/[A-Za-z\d\u0080-\uffff]/.test(word)) return 'mark';
  if (/^[A-Z][A-Z_-]+$/.test(word))
    return common.has(word.toLowerCase()) && !word.includes('_') ? 'sentence' : 'constant';
  if (isTypeWord(word)) return 'type';
  // card_declined, Not_found: codes, which programs spell so
  if (/^[A-Z]?[a-z]{1,13}(?:_[a-z]{1,13})+$/.test(word)) return 'constant';
  // x, y+, B: the axes and ranks of a system, not its users.
  if (/^[A-Za-z]\W?$/.test(word)) return 'constant';
  if (nameShape.test(word)) return isFailureCode(word) ? 'constant' : 'name';
  if (unspacedSentence.test(word)) return 'sentence';
  const lower = word.toLowerCase();
  if (spelledNumber.test(lower)) return 'name';
  if (common.has(lower) || (lower.length > 4 && sentenceEnding.test(lower))) return 'sentence';
  return 'plain';
}
