/** Ends with 0 when the process of this container is ready: the API on PORT, the others on HEALTH_PORT. */
const port = process.argv[2] === 'api' ? (process.env['PORT'] ?? '4000') : (process.env['HEALTH_PORT'] ?? '9464');
const response = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(4_000) });
if (!response.ok) console.error(await response.text());
process.exitCode = response.ok ? 0 : 1;
