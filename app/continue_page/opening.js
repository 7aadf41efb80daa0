// Holds the sound with which the next run would begin: {key, id, samples, prompt}, with the id "" where there is none.
// It is played at the press of Continue where the page still says what it said when the sound was asked for.
let opening = null;

// What the sound depends on, of the inputs of a run. With a new seed for every run the seed is the opening's own.
window.undertoneOpeningKey = (newSeed, clip, start, length, preset, seconds, takes, seed, ...sampling) =>
  JSON.stringify([clip && clip.path, start, length, preset, seconds, takes, newSeed ? null : seed, ...sampling]);

// Returns the id of the opening that is heard now, "" for none.
window.undertonePlayOpening = (...inputs) => {
  const chosen = opening;
  opening = null; // one press, one run
  if (!chosen || chosen.key !== window.undertoneOpeningKey(...inputs)) return "";
  window.undertoneBegin(chosen);
  return chosen.id;
};

watch("value", () => {
  opening = props.value && props.value.id ? props.value : null;
  element.dataset.ready = String(Boolean(opening));
});
