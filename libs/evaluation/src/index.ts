/** What a pack can do, in numbers and pictures. `evaluate.ts` is the file to read first. */
export { evaluate, type EvaluatedPicture, type Evaluation, type EvaluationOptions } from './evaluate.ts';
export { EvaluationError, type EvaluationErrorCode } from './errors.ts';
export { Confusion } from './metrics/mean-iou.ts';
export { rocAuc } from './metrics/roc-auc.ts';
export type { Progress } from './progress.ts';
export { selectPrompts, type Prompt } from './prompts.ts';
export { contactSheet, type Sheet, type SheetRow } from './report/contact-sheet.ts';
export { markdownOf } from './report/markdown.ts';
export type { Report, Table } from './report/report.ts';
export { writeReport } from './report/write-report.ts';
export type { Row } from './rows.ts';
export type { Trend } from './trends.ts';
