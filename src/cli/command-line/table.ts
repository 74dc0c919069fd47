export type Row = readonly (string | number)[];

/** Text is aligned left, numbers right; the first row is the head. */
export function table(rows: readonly Row[]): string {
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
