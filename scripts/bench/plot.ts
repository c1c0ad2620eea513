/** Growth as a picture: a small diagram for each series, both axes logarithmic, in plain SVG. */
import type { Row } from './report.ts';

const width = 360;
const height = 190;
const margin = { left: 62, right: 18, top: 34, bottom: 34 };
const columns = 3;

interface Point {
  containers: number;
  value: number;
}

/** @returns an SVG document; an empty one where no row is about growth */
export function drawGrowth(rows: readonly Row[]): string {
  const points = rows.flatMap(({ growth, unit, value }) => (growth ? [{ ...growth, unit, value }] : []));
  const series = [...Map.groupBy(points, ({ series, unit }) => `${series} (${unit})`)];
  const lines = Math.ceil(series.length / columns);
  const diagrams = series.map(([title, own], index) => {
    const place = `translate(${(index % columns) * width} ${Math.floor(index / columns) * height})`;
    return `<g transform="${place}">${drawDiagram(title, own)}</g>`;
  });
  const size = `width="${columns * width}" height="${lines * height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${columns * width} ${lines * height}"`,
    ` font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n`,
    `${diagrams.join('\n')}\n</svg>\n`,
  ].join('');
}

function drawDiagram(title: string, points: readonly Point[]): string {
  const across = scaleOf(
    points.map(({ containers }) => containers),
    [margin.left, width - margin.right],
  );
  const up = scaleOf(
    points.map(({ value }) => value),
    [height - margin.bottom, margin.top],
  );
  const places = points.map(({ containers, value }) => [round(across.at(containers)), round(up.at(value))] as const);
  const axes = `M${margin.left} ${margin.top}V${height - margin.bottom}H${width - margin.right}`;
  return [
    `<text x="${margin.left}" y="20" font-weight="bold">${escape(title)}</text>`,
    `<path d="${axes}" fill="none" stroke="#555"/>`,
    ...up.decades.flatMap((value) => [
      `<path d="M${margin.left} ${round(up.at(value))}H${width - margin.right}" stroke="#ddd"/>`,
      `<text x="${margin.left - 6}" y="${round(up.at(value)) + 4}" text-anchor="end">${short(value)}</text>`,
    ]),
    ...points.map(
      ({ containers }) =>
        `<text x="${round(across.at(containers))}" y="${height - margin.bottom + 16}" text-anchor="middle">${short(containers)}</text>`,
    ),
    `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="#0b62a4" stroke-width="2"/>`,
    ...places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3" fill="#0b62a4"/>`),
  ].join('\n');
}

interface Scale {
  at: (value: number) => number;
  /** The powers of ten that it spans. */
  decades: number[];
}

/** Logarithmic, over whole powers of ten, at least one. */
function scaleOf(values: readonly number[], [from, to]: readonly [number, number]): Scale {
  const least = Math.floor(Math.log10(Math.min(...values)));
  const greatest = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values))));
  return {
    at: (value) => from + ((Math.log10(value) - least) / (greatest - least)) * (to - from),
    decades: Array.from({ length: greatest - least + 1 }, (_, index) => 10 ** (least + index)),
  };
}

function short(value: number): string {
  return value >= 1_000 ? `${value / 1_000}k` : String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
