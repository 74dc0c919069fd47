export type Row = readonly (string | number)[];

/** Characters by which a name could move the cursor, hide text or make a row of its own. */
const CONTROL = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

/** Text is aligned left, numbers right; the first row is the head. */
export function table(given: readonly Row[]): string {
  const rows = given.map((row) =>
    row.map((cell) => (typeof cell === 'string' ? cell.replace(CONTROL, '\ufffd') : cell)),
  );
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  const isNumeric = widths.map((_, column) => typeof rows[1]?.[column] === 'number');
  return rows
    .map((row) =>
      row
        .map((cell, i) => (isNumeric[i] ? String(cell).padStart(widths[i] ?? 0) : String(cell).padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
