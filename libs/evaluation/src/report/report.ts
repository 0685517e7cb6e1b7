/** What `report.json` holds. Similarities and rates are times 100, as in the paper; a number that there is none of is null. */
import type { NetworkMeasures } from '../measuring/measure-networks.ts';
import type { Speed } from '../measuring/measure-speed.ts';
import type { Row } from '../rows.ts';
import type { Difference, Trend } from '../trends.ts';

export interface Report {
  readonly pack: {
    readonly name: string;
    readonly version: string;
    readonly digest: string;
    /** SHA-256 over the manifest and every file. */
    readonly contents: string;
    readonly trained: boolean;
  };
  readonly settings: {
    readonly seed: number;
    readonly steps: number;
    readonly scheduler: string;
    readonly guidance_scale: number;
    readonly merge_step: number;
    readonly compared: readonly string[];
  };
  /** People whose reference shows no face to the pack: left out. */
  readonly references_without_face: number;
  /** Why a measure is missing. */
  readonly absent: readonly string[];
  readonly tables: readonly Table[];
  readonly trends: readonly Trend[];
  /** The evaluated pack beside each that it was compared with. */
  readonly packs: readonly Difference[];
  readonly networks: NetworkMeasures;
  readonly speed: Speed;
  /** What the measures rest on. */
  readonly features: Readonly<Record<'clip' | 'fid' | 'fgis', string>>;
}

/** Rows over the same people and prompts. */
export interface Table {
  readonly name: 'main' | 'ablations';
  readonly identities: number;
  readonly prompts: readonly string[];
  readonly rows: readonly Row[];
}
