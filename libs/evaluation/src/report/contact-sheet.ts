/** Pictures side by side under their captions: people down, prompts across, the reference in the first column. */
import sharp, { type OverlayOptions } from 'sharp';

export interface SheetRow {
  readonly label: string;
  /** PNGs, one for each column; null leaves the place empty. */
  readonly pictures: readonly (Uint8Array | null)[];
}

export interface Sheet {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly SheetRow[];
}

const cell = 160;
const gap = 6;
const margin = { left: 96, title: 26 };
const font = { size: 13, lineHeight: 16, lettersInCell: 22, lettersAtLeft: 12 };

/** A PNG. */
export async function contactSheet({ title, columns, rows }: Sheet): Promise<Buffer> {
  const above = columns.map((caption) => wrapped(caption, font.lettersInCell));
  const top = margin.title + 16 + Math.max(...above.map((lines) => lines.length)) * font.lineHeight;
  const x = (column: number) => margin.left + column * (cell + gap);
  const y = (row: number) => top + row * (cell + gap);
  const [width, height] = [x(columns.length) + gap, y(rows.length) + gap];
  const places: Promise<OverlayOptions>[] = rows.flatMap(({ pictures }, i) =>
    pictures.flatMap((picture, k) => (picture ? [thumbnail(picture).then((input) => ({ input, left: x(k), top: y(i) }))] : [])),
  );
  const captions = [
    text(title, gap, margin.title - 6, { bold: true }),
    ...above.flatMap((lines, k) =>
      lines.map((line, i) => text(line, x(k) + cell / 2, top - 8 - (lines.length - 1 - i) * font.lineHeight, { middle: true })),
    ),
    ...rows.flatMap(({ label }, k) =>
      wrapped(label, font.lettersAtLeft).map((line, i) => text(line, gap, y(k) + cell / 2 + i * font.lineHeight)),
    ),
  ];
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="${font.size}" fill="#222"><rect width="100%" height="100%" fill="white"/>${captions.join('')}</svg>`;
  return sharp(Buffer.from(svg))
    .composite(await Promise.all(places))
    .removeAlpha()
    .png()
    .toBuffer();
}

const thumbnail = (picture: Uint8Array): Promise<Buffer> =>
  sharp(picture).resize(cell, cell, { fit: 'contain', background: 'white', kernel: 'lanczos3' }).png().toBuffer();

/** Lines of at most so many letters, broken between words. */
export function wrapped(caption: string, letters: number): string[] {
  const lines: string[] = [];
  for (const word of caption.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= letters) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const text = (line: string, x: number, y: number, { bold = false, middle = false } = {}): string =>
  `<text x="${x}" y="${y}"${bold ? ' font-weight="bold" font-size="15"' : ''}${middle ? ' text-anchor="middle"' : ''}>${escape(line)}</text>`;

const escape = (line: string): string => line.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
