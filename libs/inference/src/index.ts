export { InferenceError, TaskPaused, type InferenceErrorCode } from './errors.ts';
export { executionProviders, type ExecutionProvider } from './execution-provider.ts';
export { chooseProvider, devices, whyNot, type Device } from './probe-provider.ts';
export { createSession, type Feeds, type Outputs, type Port, type Session, type SessionOptions } from './session.ts';
export { bool, elementCount, float32, floats, int64, type DType, type Tensor, type TensorData, type TensorOf } from './tensor.ts';
export { nextTurn, serveTasks, type Task, type TaskContext, type Tasks } from './inference-child.ts';
export { InferenceHost, type ExitReason, type InferenceHostOptions, type RunOptions } from './inference-host.ts';
export type { Progress } from './messages.ts';
