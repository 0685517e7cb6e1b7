export { drawDataset, sampleOf, type DatasetEntry, type DatasetOptions, type Sample } from './dataset.ts';
export { drawPortrait, type DrawOptions, type Portrait } from './draw.ts';
export { appearanceOf } from './person/appearance.ts';
export { captionOf, facialSentenceOf } from './caption.ts';
export { labelNames, labels, type LabelName } from './labels.ts';
export {
  facialHairs,
  hairStyles,
  identityFromVector,
  identityNumbers,
  identityVector,
  identityVectorNames,
  isWoman,
  randomIdentity,
  type FacialHair,
  type HairStyle,
  type Identity,
  type IdentityNumber,
} from './person/identity.ts';
export { Random } from './random.ts';
export { scenarioIds, scenarios, scenarioShot, type Scenario, type ScenarioCategory, type ScenarioId } from './scenarios.ts';
export { plainShot, randomShot, type Shot, type Told } from './shot.ts';
export { PortraitError, type PortraitErrorCode } from './errors.ts';
