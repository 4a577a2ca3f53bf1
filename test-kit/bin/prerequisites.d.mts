export interface Prerequisite {
  package: string;
  there(): boolean;
  why: string;
}
export const prerequisites: Prerequisite[];
export function composeCommand(): string[] | undefined;
export function installPrerequisites(): (Prerequisite & { reason: string })[];
export function findChromium(): string | undefined;
