/** CloudWatch's embedded metric format: metrics as JSON lines in the log. */
export type Metric = {
  namespace: string;
  name: string;
  unit: string | null;
  values: number[];
  dimensions: Record<string, string>;
  at: number;
};

type Definition = { Name: string; Unit?: string };
type Directive = { Namespace: string; Dimensions: string[][]; Metrics: Definition[] };
type Blob = { _aws?: { Timestamp?: number; CloudWatchMetrics?: Directive[] }; [field: string]: unknown };

/** One metric for each definition and set of dimensions; null when the line is an ordinary one. */
export function parseEmf(line: string): Metric[] | null {
  if (!line.startsWith('{') || !line.includes('"CloudWatchMetrics"')) return null;
  let blob: Blob;
  try {
    blob = JSON.parse(line) as Blob;
  } catch {
    return null;
  }
  const directives = blob._aws?.CloudWatchMetrics;
  if (directives === undefined) return null;
  const at = blob._aws?.Timestamp ?? Date.now();
  return directives.flatMap(({ Namespace: namespace, Dimensions, Metrics }) =>
    Metrics.flatMap(({ Name: name, Unit }) => {
      const values = [blob[name]].flat().filter((value) => typeof value === 'number');
      const sets = Dimensions.length === 0 ? [[]] : Dimensions;
      return sets.map((set) => ({ namespace, name, unit: Unit ?? null, values, dimensions: pick(blob, set), at }));
    }),
  );
}

function pick(blob: Blob, names: string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, String(blob[name])]));
}
