// Units of a prompt from the distances of its frames: engine/tokenizers/units.py.

/**
 * Return the unit of every frame.
 * distances: [frames * units], squared. costs: [units * units] of going from the unit of a row to that of a column, or
 * null, which gives every frame its nearest unit.
 */
export function unitsOf(distances, numUnits, costs) {
  const frames = distances.length / numUnits, units = new Int32Array(frames);
  if (!costs) {
    for (let t = 0; t < frames; t++) units[t] = leastIndex(distances.subarray(t * numUnits, (t + 1) * numUnits));
    return units;
  }
  const cameFrom = new Int32Array(frames * numUnits);
  let cost = Float64Array.from(distances.subarray(0, numUnits));
  for (let t = 1; t < frames; t++) {
    const arrived = new Float64Array(numUnits);
    for (let to = 0; to < numUnits; to++) {
      let best = 0, least = Infinity;
      for (let from = 0; from < numUnits; from++) {
        const total = costs[from * numUnits + to] + cost[from];
        if (total < least) { least = total; best = from; }
      }
      cameFrom[t * numUnits + to] = best;
      arrived[to] = least + distances[t * numUnits + to];
    }
    cost = arrived;
  }
  units[frames - 1] = leastIndex(cost);
  for (let t = frames - 1; t > 0; t--) units[t - 1] = cameFrom[t * numUnits + units[t]];
  return units;
}

function leastIndex(values) {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i] < values[best]) best = i;
  return best;
}
