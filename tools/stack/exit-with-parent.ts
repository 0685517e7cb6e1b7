/** Preloaded into every supervised process: a supervisor that was killed must not leave a service behind that nobody watches. */
process.channel?.unref();
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
