/** The networks as functions from scope and tensors to tensors, for those who build graphs of their own. */
export { bisenet, coarseLogits } from './bisenet.ts';
export { clipText } from './clip-text.ts';
export { clipVision } from './clip-vision.ts';
export { facialEncoder } from './facial-encoder.ts';
export { identityProjection } from './identity-projection.ts';
export { iresnet } from './iresnet.ts';
export { scrfd, scrfdStrides } from './scrfd.ts';
export { unet, type Adapter, type AttentionObserver, type UNetInputs } from './unet.ts';
