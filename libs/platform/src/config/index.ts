export { commonVariables, linkVariables, type CommonConfig } from './common-variables.ts';
export { ConfigError, describeVariables, loadConfig } from './load-config.ts';
export { flag, list, port, variable, type VariableMeta } from './variable.ts';
export { freePort } from './free-port.ts';
