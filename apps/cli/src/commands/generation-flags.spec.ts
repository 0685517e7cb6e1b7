import { CORRECTIONS, FACIAL_REGIONS, FORMATS, IDENTITY_CORRECTIONS, NOISE_DEVICES, SCHEDULERS } from '@likeness/contracts';
import { corrections, facialRegions, noiseSources, outputFormats, schedulerNames } from '@likeness/pipeline';
import { expect, it } from 'vitest';

/** The contract and the pipeline cannot see one another; both are seen from here. */
it.each<[string, readonly string[], object]>([
  ['schedulers', SCHEDULERS, schedulerNames],
  ['corrections', CORRECTIONS, corrections],
  ['noise devices', NOISE_DEVICES, noiseSources],
  ['facial regions', FACIAL_REGIONS, facialRegions],
  ['formats', FORMATS, outputFormats],
])('the API and the pipeline have the same %s', (_, named, known) => {
  expect([...named].sort()).toEqual(Object.keys(known).sort());
});

it('the API knows which corrections change who a picture shows', () => {
  const known = Object.entries(corrections).flatMap(([name, of]) => (of === 'identity' ? [name] : []));
  expect(known.sort()).toEqual([...IDENTITY_CORRECTIONS].sort());
});
