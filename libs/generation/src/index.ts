export { announced, posted } from './announce.ts';
export { flow, FIRST_STAGE } from './flow.ts';
export { pauseClass, resumeClass } from './worker-classes.ts';
export { ClaimedStage, type Fence, type KeptArtifact, type Progress, type SavedWork } from './generation.ts';
export { completeStage, type StageResult } from './complete-stage.ts';
export { claimStage, failStage, heartbeat, requestCancel, requeueStage, settleCancel } from './generation.store.ts';
export {
  emptied,
  REMOVAL_CHANNEL,
  removeData,
  removeObjects,
  removeRequested,
  requestRemoval,
  stop,
  type Removing,
} from './remove-data.ts';
export { beginErasure, continueErasures, eraseExpired } from './erase-subject.ts';
export { generationPrefix, subjectPrefix } from './object-keys.ts';
export { fetchPicture } from './fetch-picture.ts';
export { loadArtifacts, readObject, writeArtifact, type LoadedArtifact, type NewArtifact } from './artifacts.ts';
export {
  checkHandlers,
  runClaimed,
  runStage,
  type Room,
  type StageContext,
  type StageOutcome,
  type StageParts,
  type StageWork,
} from './run-stage.ts';
export { StagePaused } from './run-stage.ts';
export { cancelBatch, completeBatches } from './batch.store.ts';
export { reconcileCancels, reconcileDeadlines, reconcileLeases, reconcileUnknown } from './reconcile.ts';
export {
  findPrediction,
  listPredictions,
  presentPrediction,
  streamEvents,
  type Links,
  type PredictionRow,
  type StreamEvent,
} from './prediction.ts';
