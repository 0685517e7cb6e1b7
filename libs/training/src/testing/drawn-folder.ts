import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { Random } from '../random.ts';

/** A folder in FGID's layout with heads of two ellipses before a gradient: enough to learn from in a test. */
export async function drawnFolder(folder: string, count: number, size = 32): Promise<void> {
  for (const part of ['FGID_resize', 'FGID_parsing_mask', 'FGID_JSON']) mkdirSync(join(folder, part), { recursive: true });
  const entries = [];
  for (let i = 0; i < count; i++) {
    const random = new Random(1, 'drawn', i);
    const colour = () => `hsl(${random.integer(360)} 60% ${random.integer(60) + 20}%)`;
    const [x, y, r] = [random.uniform(12, 20), random.uniform(12, 20), random.uniform(6, 11)];
    const face = (fill: string, eyes: string) =>
      `<ellipse cx="${x}" cy="${y}" rx="${r * 0.8}" ry="${r}" fill="${fill}"/><circle cx="${x - r / 3}" cy="${y - 2}" r="1.5" fill="${eyes}"/><circle cx="${x + r / 3}" cy="${y - 2}" r="1.5" fill="${eyes}"/>`;
    const svg = (body: string, options = '') => Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32" width="${size}" height="${size}" ${options}>${body}</svg>`); // prettier-ignore
    const behind = `<linearGradient id="g" x2="1" y2="1"><stop stop-color="${colour()}"/><stop offset="1" stop-color="${colour()}"/></linearGradient><rect width="32" height="32" fill="url(#g)"/>`;
    const entry = {
      resize_IMG: `./FGID_resize/${i}_resize.png`,
      parsing_mask_IMG: `./FGID_parsing_mask/${i}_mask.png`,
      vqa_llva: `Head ${i}.`,
    };
    await sharp(svg(behind + face(colour(), '#222'))).removeAlpha().png().toFile(join(folder, entry.resize_IMG)); // prettier-ignore
    const labels = svg(`<rect width="32" height="32" fill="#000"/>${face('#010101', '#040404')}`, 'shape-rendering="crispEdges"');
    await sharp(labels).toColourspace('b-w').png().toFile(join(folder, entry.parsing_mask_IMG));
    entries.push(entry);
  }
  writeFileSync(join(folder, 'JSON_all.json'), JSON.stringify(entries));
}
