/** Fewer scores are sorted by comparison. */
const MIN_FOR_WORDS = 64;

/** Places of the scores in ascending order; equal scores stay in their order. */
export function placesByScore(scores: Float64Array): Uint32Array {
  const sorted = scores.length < MIN_FOR_WORDS ? undefined : sortedAsWords(scores);
  return (
    sorted ?? Uint32Array.from(scores.keys()).sort((a, b) => (scores[a] as number) - (scores[b] as number) || a - b)
  );
}

/**
 * Sorts words of 64 bits, each a score above its place, since a sort without a comparison in JavaScript is many times
 * faster. Undefined if the scores are not integers in a range that fits above the places.
 */
function sortedAsWords(scores: Float64Array): Uint32Array | undefined {
  const [least, most] = spanOf(scores);
  const placeBits = Math.ceil(Math.log2(scores.length));
  if (!(most - least < 2 ** Math.min(52, 64 - placeBits))) return undefined;
  const words = new BigUint64Array(scores.length);
  const halves = new Uint32Array(words.buffer);
  const perHigh = 2 ** (32 - placeBits);
  const perScore = 2 ** placeBits;
  for (let place = 0; place < scores.length; place++) {
    const above = (scores[place] as number) - least;
    if (!Number.isInteger(above)) return undefined;
    const high = Math.floor(above / perHigh);
    halves[2 * place] = (above - high * perHigh) * perScore + place;
    halves[2 * place + 1] = high;
  }
  words.sort();
  const places = new Uint32Array(scores.length);
  for (let i = 0; i < places.length; i++) places[i] = (halves[2 * i] as number) % perScore;
  return places;
}

function spanOf(scores: Float64Array): readonly [least: number, most: number] {
  let [least, most] = [Infinity, -Infinity];
  for (const score of scores) {
    if (score < least) least = score;
    if (score > most) most = score;
  }
  return [least, most];
}
