export { openSignals, SIGNAL_CHANNELS, type SignalChannel, type SignalOptions, type Signals } from './signals.ts';
