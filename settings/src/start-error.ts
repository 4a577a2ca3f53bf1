/** Why a program cannot start, with what to do about it: shown to the operator as it is, without a stack. */
export class StartError extends Error {
  override name = 'StartError';
}
