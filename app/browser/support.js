// What a browser must be able to do.

// A function that uses a vector of 128 bits.
const VECTORS = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** Return what to say to somebody whose browser cannot run the model; null where it can. */
export function lacking() {
  const runs = typeof WebAssembly === "object" && WebAssembly.validate(Uint8Array.from(VECTORS));
  if (runs) return null;
  return (
    "This browser cannot run the model: it has no WebAssembly, or an old one. Use a current Firefox, Chrome, Edge or " +
    "Safari, and leave WebAssembly switched on."
  );
}
