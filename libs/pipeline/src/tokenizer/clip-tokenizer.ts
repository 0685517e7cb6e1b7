/** Text → token ids of a CLIP text encoder. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { PipelineError } from '../errors.ts';
import { cleaners, type Cleaning } from './clean-text.ts';
import { BEGIN_TOKEN, clipVocabulary, END_TOKEN, parseVocabulary, splitIntoPieces, type Vocabulary } from './vocabulary.ts';

export interface ClipTokenizerOptions {
  readonly cleaning: Cleaning;
  /** Default: CLIP's own 49,408 pieces. */
  readonly vocabulary?: Vocabulary;
  /** Further tokens, found exactly as written; they get the ids after the vocabulary's. */
  readonly addedTokens?: readonly string[];
  /**
   * What short prompts are filled up with; default `<|endoftext|>` (open_clip: id 0). It is a special token in prompts too:
   * SDXL's second tokenizer pads with `!`, so there every `!` is id 0 instead of 256.
   */
  readonly padToken?: string;
  /** Default 77. */
  readonly maxLength?: number;
}

/**
 * CLIP's own word pattern, for text in lower case. To a pattern that ignores case `ſ` is an s, and U+0345, which becomes a letter in upper case,
 * neither letter nor sign: it is passed over.
 */
export const WORD = "'(?:[sſ]|t|re|ve|m|ll|d)|\\p{L}+|\\p{N}|[^\\p{White_Space}\\p{L}\\p{N}\\u0345]+";

const escape = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');

export class ClipTokenizer {
  readonly beginId: number;
  readonly endId: number;
  readonly padId: number;
  readonly maxLength: number;
  /** The largest id of the vocabulary and one: as many rows a text encoder needs. */
  readonly size: number;

  private readonly vocabulary: Vocabulary;
  private readonly clean: (text: string) => string;
  /** Tokens that are found before cleaning, exactly as written. */
  private readonly special: ReadonlyMap<string, number>;
  private readonly atSpecial: RegExp | null;
  /** Tokens that are found after lower-casing, among the words. */
  private readonly inText: ReadonlyMap<string, number>;
  private readonly word: RegExp;
  private readonly known = new Map<string, readonly number[]>();

  constructor(options: ClipTokenizerOptions) {
    this.vocabulary = options.vocabulary ?? clipVocabulary();
    this.clean = cleaners[options.cleaning];
    this.maxLength = options.maxLength ?? 77;
    const { ids } = this.vocabulary;
    this.size = Math.max(...ids.values()) + 1;
    this.beginId = ids.get(BEGIN_TOKEN)!;
    this.endId = ids.get(END_TOKEN)!;
    if (options.cleaning === 'ftfy') {
      this.padId = 0;
      this.special = new Map();
      this.inText = new Map([
        ['<start_of_text>', this.beginId],
        ['<end_of_text>', this.endId],
      ]);
    } else {
      const tokens = new Map([
        [BEGIN_TOKEN, this.beginId],
        [END_TOKEN, this.endId],
      ]);
      let next = this.size;
      for (const token of [...(options.addedTokens ?? []), options.padToken ?? END_TOKEN]) {
        if (!tokens.has(token)) tokens.set(token, ids.get(token) ?? next++);
      }
      this.padId = tokens.get(options.padToken ?? END_TOKEN)!;
      this.special = tokens;
      this.inText = new Map([
        [BEGIN_TOKEN, this.beginId],
        [END_TOKEN, this.endId],
      ]);
    }
    const longestFirst = [...this.special.keys()].sort((a, b) => b.length - a.length);
    this.atSpecial = longestFirst.length > 0 ? new RegExp(`(${longestFirst.map(escape).join('|')})`, 'u') : null;
    this.word = new RegExp([...[...this.inText.keys()].map(escape), WORD].join('|'), 'gu');
  }

  /** Begin, the text's tokens, end: neither cut nor filled up. */
  encode(text: string): number[] {
    const parts = this.atSpecial ? text.split(this.atSpecial) : [text];
    const ids = parts.flatMap((part) => {
      const special = this.special.get(part);
      return special === undefined ? this.encodePlain(part) : [special];
    });
    return [this.beginId, ...ids, this.endId];
  }

  /** `maxLength` ids: cut with the end token kept, or filled up with the pad token. */
  encodePadded(text: string): number[] {
    return this.pad(this.cut(this.encode(text)));
  }

  cut(ids: readonly number[]): number[] {
    return ids.length > this.maxLength ? [...ids.slice(0, this.maxLength - 1), this.endId] : [...ids];
  }

  pad(ids: readonly number[]): number[] {
    return [...ids, ...new Array<number>(Math.max(0, this.maxLength - ids.length)).fill(this.padId)];
  }

  /** The id of a special, added or vocabulary token. */
  idOf(token: string): number | undefined {
    return this.special.get(token) ?? this.vocabulary.ids.get(token);
  }

  private encodePlain(text: string): number[] {
    return (this.clean(text).match(this.word) ?? []).flatMap((word) => this.encodeWord(word));
  }

  private encodeWord(word: string): readonly number[] {
    const special = this.inText.get(word);
    if (special !== undefined) return [special];
    let ids = this.known.get(word);
    if (!ids) {
      ids = splitIntoPieces(word, this.vocabulary.ranks).map((piece) => this.vocabulary.ids.get(piece) ?? this.endId); // the unknown token
      if (this.known.size < 10_000) this.known.set(word, ids);
    }
    return ids;
  }
}

const token = z.union([z.string(), z.object({ content: z.string() }).transform(({ content }) => content)]);
const TokenizerConfig = z.object({ pad_token: token.optional(), model_max_length: z.number().optional() });

/**
 * The tokenizer of a published model: a folder with `vocab.json` and `merges.txt`, and optionally `tokenizer_config.json` and
 * `special_tokens_map.json` (pad token, greatest length).
 *
 * @throws PipelineError `model_unusable` when a file is missing or malformed
 */
export async function loadClipTokenizer(
  folder: string,
  options: Pick<ClipTokenizerOptions, 'cleaning' | 'addedTokens'>,
): Promise<ClipTokenizer> {
  const read = async (name: string, absent?: string) => {
    try {
      return await readFile(join(folder, name), 'utf8');
    } catch (cause) {
      if (absent !== undefined && (cause as NodeJS.ErrnoException).code === 'ENOENT') return absent;
      throw unusable(name, 'cannot be read', cause);
    }
  };
  const json = (name: string, text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw unusable(name, 'is no JSON', cause);
    }
  };
  const unusable = (name: string, what: string, cause?: unknown) =>
    new PipelineError('model_unusable', `The tokenizer's ${name} ${what}.`, { file: join(folder, name) }, { cause });
  const settings = async (name: string) => {
    const parsed = TokenizerConfig.safeParse(json(name, await read(name, '{}')));
    if (!parsed.success) throw unusable(name, `is malformed: ${z.prettifyError(parsed.error)}`);
    return parsed.data;
  };
  const [vocab, merges, config, map] = await Promise.all([
    read('vocab.json'),
    read('merges.txt'),
    settings('tokenizer_config.json'),
    settings('special_tokens_map.json'),
  ]);
  const padToken = config.pad_token ?? map.pad_token;
  const maxLength = config.model_max_length;
  return new ClipTokenizer({
    ...options,
    vocabulary: parseVocabulary(json('vocab.json', vocab), merges),
    ...(padToken === undefined ? {} : { padToken }),
    ...(maxLength === undefined || maxLength > 1e6 ? {} : { maxLength }), // transformers writes 1e30 for "no limit"
  });
}
