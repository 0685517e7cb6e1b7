/** Everything an evaluation leaves in its folder, beside the pictures themselves. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { method } from '../conditions.ts';
import type { EvaluatedPicture, Evaluation } from '../evaluate.ts';
import { captionOf, categories, inTurn, type Prompt } from '../prompts.ts';
import type { Subject } from '../subjects.ts';
import { contactSheet, type Sheet } from './contact-sheet.ts';
import { markdownOf } from './markdown.ts';

/** People on one sheet. */
const ROWS = 8;
/** Sides of the overview. */
const OVERVIEW = 4;

/** `report.json`, `report.md`, `pictures.csv` and the sheets, whose paths it returns, and the references. */
export async function writeReport(evaluation: Evaluation, folder: string): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  const files: [name: string, contents: string | Uint8Array][] = [
    ['report.json', `${JSON.stringify(evaluation.report, null, 2)}\n`],
    ['report.md', markdownOf(evaluation.report)],
    ['pictures.csv', csvOf(evaluation)],
  ];
  for (const { name, ...sheet } of await sheetsOf(evaluation, folder)) files.push([name, await contactSheet(sheet)]);
  for (const [name, contents] of files) await writeFile(join(folder, name), contents);
  await mkdir(join(folder, 'references'), { recursive: true });
  for (const { index, reference } of evaluation.subjects) await writeFile(join(folder, 'references', `person-${index}.png`), reference);
  return files.map(([name]) => join(folder, name));
}

function csvOf({ pictures, subjects }: Evaluation): string {
  const header = 'row,person,category,prompt,clip_t,clip_i,face_similarity,fgis,recognised,file';
  const number = (x: number | null) => (x === null ? '' : x.toFixed(2));
  const lines = pictures.map(({ condition, subject, prompt, file, measures: m }) =>
    [
      condition,
      subjects[subject]!.index,
      prompt.category,
      prompt.id,
      number(m.clip_t),
      number(m.clip_i),
      number(m.face),
      number(m.fgis),
      m.recognised ?? '',
      `pictures/${file}`,
    ].join(','),
  );
  return `${[header, ...lines].join('\n')}\n`;
}

async function sheetsOf({ report, subjects, prompts, pictures }: Evaluation, folder: string): Promise<(Sheet & { name: string })[]> {
  const { pack } = report;
  const read = async (picture: EvaluatedPicture | undefined) => (picture?.file ? readFile(join(folder, 'pictures', picture.file)) : null);
  const sheet = async (title: string, people: readonly Subject[], across: readonly Prompt[]): Promise<Sheet> => ({
    title,
    columns: ['reference', ...across.map(({ id }) => captionOf(id))],
    rows: await Promise.all(
      people.map(async (person) => {
        const find = (prompt: Prompt) =>
          pictures.find((one) => one.condition === method.id && one.prompt.id === prompt.id && subjects[one.subject] === person);
        return {
          label: `person ${person.index}`,
          pictures: [person.reference, ...(await Promise.all(across.map((prompt) => read(find(prompt)))))],
        };
      }),
    ),
  });

  const overview = {
    name: 'sheet.png',
    ...(await sheet(`${pack.name}: people × prompts`, subjects.slice(0, OVERVIEW), inTurn(prompts, Math.min(OVERVIEW, prompts.length)))),
  };
  const sheets = [overview];
  for (const category of categories) {
    const across = prompts.filter((prompt) => prompt.category === category);
    for (let from = 0; from < subjects.length && across.length > 0; from += ROWS)
      sheets.push({
        name: `sheet-${category}-${from / ROWS + 1}.png`,
        ...(await sheet(`${pack.name}: ${category}`, subjects.slice(from, from + ROWS), across)),
      });
  }
  const rows = [...new Set(pictures.map(({ condition }) => condition))];
  if (rows.length > 1) sheets.push({ name: 'sheet-rows.png', ...(await rowSheet()) });
  return sheets;

  /** One person in every row of the tables. */
  async function rowSheet(): Promise<Sheet> {
    const [person] = subjects as [Subject];
    const titles = new Map(report.tables.flatMap((table) => table.rows).map(({ id, title }) => [id, title]));
    const everywhere = prompts.filter(({ id }) =>
      rows.every((row) => pictures.some((one) => one.condition === row && one.subject === 0 && one.prompt.id === id)),
    );
    return {
      title: `${pack.name}: person ${person.index}, row by row`,
      columns: ['reference', ...everywhere.map(({ id }) => captionOf(id))],
      rows: await Promise.all(
        rows.map(async (row) => ({
          label: titles.get(row) ?? row,
          pictures: [
            person.reference,
            ...(await Promise.all(
              everywhere.map(({ id }) => read(pictures.find((one) => one.condition === row && one.subject === 0 && one.prompt.id === id))),
            )),
          ],
        })),
      ),
    };
  }
}
