/** How the command line fails: one line on stderr, and an exit code that a script can tell apart. */
import { serviceError } from '@likeness/pipeline';
import { CommanderError } from 'commander';

/** A refusal of the command line itself or of a server; `code` is one of the service's. */
export class CliError extends Error {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CliError';
    this.code = code;
  }
}

const badInput = new Set([
  'validation_failed',
  'malformed_request',
  'image_unreadable',
  'image_too_small',
  'no_face_detected',
  'upload_invalid',
  'input_url_blocked',
  'webhook_url_blocked',
  'recipe_invalid',
  'dataset_invalid',
  'folder_not_empty',
  'run_exists',
  'checkpoint_mismatch',
  'prompts_unknown',
  'evaluation_exists',
]);
const badModel = new Set(['model_unavailable', 'pack_not_evaluable', 'measure_unavailable']);

/** 2: the input is to be changed. 3: a model or pack is missing or unusable. 1: anything else. */
export function exitCodeOf(code: string): 1 | 2 | 3 {
  if (badInput.has(code)) return 2;
  return badModel.has(code) ? 3 : 1;
}

/** Prints the failure and returns the exit code; 0 for what commander throws after help was asked for. */
export function reportFailure(error: unknown, print: (line: string) => void): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  if (error instanceof CommanderError && error.code === 'commander.help') return 2; // no command was named: the help is the answer
  const { code, message } =
    error instanceof CommanderError ? { code: 'validation_failed', message: error.message.replace(/^error: /, '') } : serviceError(error);
  print(`error ${code}: ${message}`);
  if (code === 'internal' && error instanceof Error && error.stack) print(error.stack);
  return exitCodeOf(code);
}
