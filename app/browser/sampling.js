// The distribution of the next token, and a draw from it: engine/generation/sampling.py and engine/noise.py.

/**
 * Return the distribution from which the next token is drawn; zero where top-k or top-p leave a token out.
 * `sampling` has token_temperature (0 takes the likeliest), top_k (or null) and top_p.
 */
export function tokenProbabilities(logits, { token_temperature: temperature, top_k: topK = null, top_p: topP = 1 }) {
  const size = logits.length, probabilities = new Float64Array(size);
  if (temperature === 0) {
    probabilities[logits.indexOf(Math.max(...logits))] = 1;
    return probabilities;
  }
  const falling = () => Array.from(logits.keys()).sort((a, b) => logits[b] - logits[a]); // stable
  const least = topK !== null && topK < size ? logits[falling()[topK - 1]] : -Infinity;
  const highest = Math.max(...logits);
  for (let i = 0; i < size; i++) {
    probabilities[i] = logits[i] < least ? 0 : Math.exp((logits[i] - highest) / temperature);
  }
  normalise(probabilities);
  if (topP < 1) {
    let before = 0;
    for (const token of falling()) { // the token that crosses top-p stays in
      const own = probabilities[token];
      if (before >= topP) probabilities[token] = 0;
      before += own;
    }
    normalise(probabilities);
  }
  return probabilities;
}

function normalise(probabilities) {
  const total = probabilities.reduce((sum, value) => sum + value, 0);
  for (let i = 0; i < probabilities.length; i++) probabilities[i] /= total;
}

/** Return the index whose cumulative interval holds a draw of U[0, 1); never one of probability zero. */
export function inverseCdf(probabilities, uniform) {
  const target = uniform * probabilities.reduce((sum, value) => sum + value, 0);
  let cumulative = 0, last = 0;
  for (let i = 0; i < probabilities.length; i++) {
    if (probabilities[i] === 0) continue;
    last = i;
    cumulative += probabilities[i];
    if (cumulative > target) return i;
  }
  return last;
}
