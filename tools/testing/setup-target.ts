/** What `setup.medium.spec.ts` lets setup start: says what it was given, then ends as it is told. */
const [how, ...args] = process.argv.slice(2);

if (how === 'exit') process.exitCode = 7;
if (how === 'wait') {
  const stayAlive = setInterval(() => undefined, 1_000);
  process.on('SIGTERM', () => {
    console.log('asked to end');
    clearInterval(stayAlive);
    process.exitCode = 3;
  });
}
// Last, so that whoever has read this line may send a signal.
console.log(JSON.stringify({ node: process.versions.node, args }));
