/** The report for people. Every word that judges follows from the numbers. */
import { paperRows, paperSpeed } from '../paper.ts';
import type { Row } from '../rows.ts';
import { aimsOf } from './aims.ts';
import type { Report, Table } from './report.ts';

export function markdownOf(report: Report): string {
  const { pack, settings, tables, trends, packs, absent, networks, speed, features } = report;
  const [main, ablations] = [tables.find(({ name }) => name === 'main')!, tables.find(({ name }) => name === 'ablations')];
  return lines(
    `# Evaluation of the pack ${pack.name} ${pack.version}`,
    '',
    pack.trained ? null : '> This pack is not trained: its pictures are patterns, and the numbers show only that everything runs.\n',
    `${main.identities} drawn people whom no training has seen × ${main.prompts.length} prompts, ${settings.steps} steps of ${settings.scheduler}, guidance ${settings.guidance_scale}, merge step ${settings.merge_step}, seed ${settings.seed}.`,
    'Similarities and rates are times 100; `docs/evaluation.md` defines every measure.',
    report.references_without_face > 0
      ? `\n${report.references_without_face} further people were left out: no face was found in their reference.`
      : null,
    ...absent.map((why) => `\nNot measured: ${why}`),
    '',
    '## Main table',
    '',
    rowTable(main.rows),
    '',
    'The paper’s table III, of other people, networks and recognisers: only the order of rows can be compared.',
    '',
    paperTable(),
    '',
    ...(main.rows.some(({ recognised }) => recognised)
      ? [
          '## Whether the scene is the prompted one',
          '',
          'How often the prompt is the likeliest of its category:',
          '',
          scenarioTable(main),
          '',
        ]
      : []),
    ...(ablations
      ? [
          '## Ablations',
          '',
          `On ${ablations.identities} of the people and ${ablations.prompts.length} of the prompts (${ablations.prompts.join(', ')}).`,
          '',
          rowTable(ablations.rows),
          '',
        ]
      : []),
    ...(trends.length > 0
      ? [
          '## Beside the paper’s findings',
          '',
          'Differences are means over people, with their 95 % confidence interval; where that includes zero, nothing is said.',
          '',
          ...trends.map(({ verdict, words }) => `- **${verdict}**: ${words}`),
          '',
        ]
      : []),
    ...(packs.length > 0 ? ['## Beside other packs', '', ...packs.map(({ words }) => `- ${words}.`), ''] : []),
    '## The instruments',
    '',
    `On ${networks.people} further people, ${networks.shots_each} free shots of each.`,
    '',
    table(
      ['network', 'measure', 'value'],
      [
        ['parser', 'mean IoU', networks.parser.mean_iou.toFixed(3)],
        ['recogniser', 'ROC-AUC', networks.recogniser.roc_auc.toFixed(3)],
        [
          'recogniser',
          'mean cosine of one person, of two',
          `${networks.recogniser.same.toFixed(3)}, ${networks.recogniser.other.toFixed(3)}`,
        ],
        [
          'detector',
          'recall, mean landmark error',
          networks.detector ? `${networks.detector.recall.toFixed(3)}, ${number(networks.detector.landmark_error, 3)}` : 'none in the pack',
        ],
        ['autoencoder', 'PSNR', `${networks.autoencoder.psnr_db.toFixed(1)} dB`],
      ],
    ),
    '',
    `IoU by class: ${Object.entries(networks.parser.iou).map(([name, iou]) => `${name} ${number(iou, 2)}`).join(', ')}.`, // prettier-ignore
    '',
    '## Speed',
    '',
    `Medians of ${speed.runs} generations of ${speed.steps} steps with the models loaded: parse ${seconds(speed.parse)}, embed ${seconds(speed.embed)}, sample ${seconds(speed.sample)}, together ${seconds(speed.total)}.`,
    `The paper’s table V, on a GPU: ${Object.entries(paperSpeed).map(([name, s]) => `${name} ${s} s`).join(', ')}.`, // prettier-ignore
    '',
    '## Aims',
    '',
    table(['aim', 'measured', ''], aimsOf(report).map(({ aim, measured, isMet }) => [aim, measured, isMet === null ? 'not measured' : isMet ? 'met' : '**missed**'])), // prettier-ignore
    '',
    `Features: CLIP-T and CLIP-I by ${features.clip}; FID by ${features.fid}; FGIS by ${features.fgis}.`,
    '',
  );
}

function rowTable(rows: readonly Row[]): string {
  const header = [
    'row',
    'CLIP-T',
    'CLIP-I',
    'FaceSim',
    'of others',
    'margin',
    'rank 1',
    'rank 5',
    'face found',
    'FGIS',
    'FGIS margin',
    'attributes',
    'FID',
    'scene',
  ];
  const has = (row: Row) => [
    row.title,
    number(row.clip_t),
    number(row.clip_i),
    number(row.face.same),
    number(row.face.other),
    number(row.face.margin),
    number(row.face.rank1),
    number(row.face.rank5),
    number(row.face.found),
    number(row.fgis.same),
    number(row.fgis.margin),
    number(row.attributes?.same ?? null),
    number(row.fid),
    number(row.recognised?.all ?? null),
  ];
  return table(header, rows.map(has));
}

const paperTable = () =>
  table(
    ['paper', 'CLIP-T', 'CLIP-I', 'FaceSim', 'FGIS', 'FID', 'speed'],
    paperRows.map(({ name, clip_t, clip_i, face, fgis, fid, seconds: s }) => [
      name,
      ...[clip_t, clip_i, face, fgis, fid].map((x) => x.toFixed(1)),
      `${s} s`,
    ]),
  );

function scenarioTable({ rows }: Table): string {
  const categories = Object.keys(rows[0]!.recognised!.by_category) as (keyof NonNullable<Row['recognised']>['by_category'])[];
  return table(
    ['row', 'all', ...categories],
    rows.map(({ title, recognised }) => [
      title,
      number(recognised!.all),
      ...categories.map((category) => number(recognised!.by_category[category] ?? null)),
    ]),
  );
}

const table = (header: readonly string[], rows: readonly (readonly string[])[]): string =>
  [header, header.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const number = (value: number | null, digits = 1): string => (value === null || Number.isNaN(value) ? '–' : value.toFixed(digits));
const seconds = (s: number): string => `${s < 1 ? s.toFixed(2) : s.toFixed(1)} s`;
const lines = (...parts: readonly (string | null)[]): string => parts.filter((part) => part !== null).join('\n');
