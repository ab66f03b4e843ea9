// Evolution in JavaScript: replaces the worst of a population by a mutant of its best.
// Try it: nasbench run --command 'node docs/examples/evolution.js' --benchmark nas-bench-201/cifar10 --budget 200000s
const lines = require("readline").createInterface({ input: process.stdin });
let decisions, state, waiting;
const population = [];

// Mulberry32: all randomness from the seed in the first line.
function random() {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const below = (n) => Math.floor(random() * n);

function next() {
  let architecture = decisions.map((d) => below(d.options.length));
  if (population.length >= 10) {
    population.sort((a, b) => b.accuracy - a.accuracy);
    population.length = 9;
    architecture = [...population[0].architecture];
    const place = below(architecture.length);
    architecture[place] = below(decisions[place].options.length);
  }
  process.stdout.write(JSON.stringify({ evaluate: architecture }) + "\n");
}

lines.on("line", (line) => {
  const message = JSON.parse(line);
  if ("end" in message) process.exit(0);
  if ("protocol" in message) {
    decisions = message.decisions;
    state = message.seed % 4294967296;
  } else {
    population.push(message);
  }
  next();
});
