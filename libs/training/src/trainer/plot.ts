/** Curves as a picture: one panel below the other, each with axes, what was measured, and a smoothed line. */
import sharp from 'sharp';

type Point = readonly [x: number, y: number];

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

const width = 960;
const heading = 40;
const panel = { height: 240, left: 76, right: width - 24, top: 34, bottom: 206 };
const ink = { axis: '#444', grid: '#e4e4e4', measured: '#a9c6e4', line: '#1f5fa8' };
/** More points than these are drawn as means of neighbours: an SVG of a hundred thousand takes seconds. */
const mostPoints = 1500;
/** Fewer points than these are joined, not smoothed. */
const fewPoints = 40;

/** A PNG of the series that have points. */
export async function plotPng(title: string, series: readonly Series[]): Promise<Buffer> {
  const drawn = series
    .map(({ name, points }) => ({ name, points: points.filter(([, y]) => Number.isFinite(y)) }))
    .filter(({ points }) => points.length > 0);
  const panels = drawn.map((each, i) => `<g transform="translate(0 ${heading + i * panel.height})">${panelSvg(each)}</g>`);
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${heading + drawn.length * panel.height}" font-family="sans-serif" font-size="12" fill="${ink.axis}">
    <rect width="100%" height="100%" fill="white"/>
    <text x="${panel.left}" y="26" font-size="16" font-weight="bold">${escape(title)}</text>
    ${panels.join('\n')}
  </svg>`;
  return sharp(Buffer.from(svg)).png().toBuffer();
}

function panelSvg({ name, points }: Series): string {
  const { left, right, top, bottom } = panel;
  const measured = thinned(points);
  const isFew = measured.length < fewPoints;
  const line = isFew ? measured : smoothed(measured);
  const [x0, x1] = [points[0]![0], points.at(-1)![0]];
  const [y0, y1] = range(measured.map(([, y]) => y));
  const toX = (x: number) => round(left + ((x - x0) / (x1 - x0 || 1)) * (right - left));
  const toY = (y: number) => round(bottom - ((Math.min(y1, Math.max(y0, y)) - y0) / (y1 - y0)) * (bottom - top));
  const polyline = (of: readonly Point[], colour: string, thickness: number) =>
    `<polyline points="${of.map(([x, y]) => `${toX(x)},${toY(y)}`).join(' ')}" fill="none" stroke="${colour}" stroke-width="${thickness}"/>`;

  const grid = ticks(y0, y1, 5).map(
    (y) =>
      `<path d="M${left} ${toY(y)}H${right}" stroke="${ink.grid}"/><text x="${left - 8}" y="${toY(y) + 4}" text-anchor="end">${label(y)}</text>`,
  );
  const steps = ticks(x0, x1, 8).map((x) => `<text x="${toX(x)}" y="${bottom + 18}" text-anchor="middle">${label(x)}</text>`);
  const marks = measured.map(([x, y]) => `<circle cx="${toX(x)}" cy="${toY(y)}" r="2.5" fill="${ink.line}"/>`);
  const under = `<text x="${left - 8}" y="${bottom + 18}" text-anchor="end">step</text>`;
  const legend = `<tspan fill="${ink.measured}">■</tspan> measured <tspan fill="${ink.line}">■</tspan> ${isFew ? 'joined' : 'smoothed'}, ${label(line.at(-1)![1])} at step ${x1}`;
  return [
    `<text x="${left}" y="${top - 10}" font-weight="bold">${escape(name)}</text>`,
    `<text x="${right}" y="${top - 10}" text-anchor="end">${legend}</text>`,
    ...grid,
    ...steps,
    under,
    polyline(measured, ink.measured, 1),
    polyline(line, ink.line, 2),
    ...(isFew ? marks : []),
    `<path d="M${left} ${top}V${bottom}H${right}" fill="none" stroke="${ink.axis}"/>`,
  ].join('\n');
}

function thinned(points: readonly Point[]): Point[] {
  const group = Math.ceil(points.length / mostPoints);
  return Array.from({ length: Math.ceil(points.length / group) }, (_, i) => {
    const part = points.slice(i * group, (i + 1) * group);
    const mean = (of: 0 | 1) => part.reduce((sum, point) => sum + point[of], 0) / part.length;
    return [mean(0), mean(1)];
  });
}

/** A running mean that forgets over a fortieth of the whole; in the beginning the mean of what there is. */
function smoothed(points: readonly Point[]): Point[] {
  const share = fewPoints / points.length;
  let [sum, weight] = [0, 0];
  return points.map(([x, y]) => {
    sum += share * (y - sum);
    weight += share * (1 - weight);
    return [x, sum / weight];
  });
}

/** What the axis shows: all but the farthest hundredth on each side, so that one spike does not flatten the rest. */
function range(values: readonly number[]): [number, number] {
  const sorted = values.toSorted((a, b) => a - b);
  const cut = Math.floor(sorted.length / 100);
  const [low, high] = [sorted[cut]!, sorted[sorted.length - 1 - cut]!];
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 1;
  return [low - margin, high + margin];
}

/** Round numbers inside a range, 1, 2 or 5 times a power of ten apart. */
function ticks(low: number, high: number, most: number): number[] {
  const rough = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const apart = [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough)!;
  const first = Math.ceil(low / apart);
  return Array.from({ length: Math.floor(high / apart) - first + 1 }, (_, i) => (first + i) * apart);
}

const round = (pixels: number): number => Math.round(pixels * 10) / 10;
const label = (value: number): string => String(Number(value.toPrecision(4)));
const escape = (text: string): string => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
