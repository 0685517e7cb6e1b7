export { GradientError, type GradientErrorCode } from './gradients/errors.ts';
