/** `Prefer: wait=N` (RFC 7240). A preference that is not understood is ignored, as the RFC asks. */
import { WAIT_MAX_SECONDS } from '@likeness/contracts';

/** Seconds granted, or undefined. More than the most is granted the most; `bare`: so is a `wait` without a number. */
export function preferredWait(header: string | string[] | undefined, { bare = false } = {}): number | undefined {
  const preferences = [header ?? []].flat().join(',').split(/[,;]/);
  if (bare && preferences.some((text) => /^\s*wait\s*$/i.test(text))) return WAIT_MAX_SECONDS;
  const seconds = preferences.map((text) => /^\s*wait\s*=\s*"?(\d{1,9})"?\s*$/i.exec(text)?.[1]).find((found) => found !== undefined);
  return seconds === undefined || Number(seconds) === 0 ? undefined : Math.min(Number(seconds), WAIT_MAX_SECONDS);
}
