/** What a pack of drawn people is to reach. */
import type { Report } from './report.ts';

export interface Aim {
  readonly aim: string;
  readonly measured: string;
  /** Null: it was not measured. */
  readonly isMet: boolean | null;
}

export function aimsOf({ tables, networks }: Report): Aim[] {
  const row = tables.find(({ name }) => name === 'main')!.rows.find(({ id }) => id === 'consistentid')!;
  const { recognised } = row;
  const worst = recognised && Math.min(...Object.values(recognised.by_category));
  return [
    atLeast('parser, mean IoU', networks.parser.mean_iou, 0.85, 3),
    atLeast('recogniser, ROC-AUC on unseen people', networks.recogniser.roc_auc, 0.98, 3),
    atLeast('FaceSim of the same person above that of others', row.face.margin, 30),
    atLeast('rank-1 identification', row.face.rank1, 40),
    atLeast('prompted scene recognised', recognised && recognised.all, 70),
    atLeast('prompted scene recognised, worst category', worst, 50),
    atLeast('autoencoder, PSNR in dB', networks.autoencoder.psnr_db, 31),
  ];
}

function atLeast(what: string, value: number | null, bound: number, digits = 1): Aim {
  const isMeasured = value !== null && !Number.isNaN(value);
  return {
    aim: `${what} ≥ ${bound}`,
    measured: isMeasured ? value.toFixed(digits) : '–',
    isMet: isMeasured ? value >= bound : null,
  };
}
