export { drawnFolder } from './drawn-folder.ts';
