// A text with its green words, and z of a hundred marked texts beside that of unmarked ones.
({data, words, panel, range, unpacked}) => {
  const {strengths, replaced: shares} = data;
  const text = words({});
  const scores = panel({x: [-4, 14], y: [0, 0.5], xlabel: "z", ylabel: "share of the texts",
    title: "z of marked (filled) and unmarked texts (outlined)"});
  const edges = range(-4, 14, 37);
  const marked = scores.bars(edges, edges.slice(1).map(() => 0), {color: "other"});
  const plain = scores.line({color: "muted", width: 2});
  scores.rule({color: "currentColor"})({x: 4});

  // z of every text after 25, 50, ... words, for each strength and share
  const all = unpacked(data.z);
  const each = all.length / strengths.length / shares.length;
  const z = (s, r, length) => {
    const from = (s * shares.length + r) * each;
    return range(0, each / data.steps - 1, each / data.steps)
      .map(text => all[from + Math.round(text) * data.steps + length / 25 - 1]);
  };
  const histogram = values => edges.slice(1).map((high, i) => values.filter(v =>
    (v >= edges[i] || i === 0) && (v < high || i === edges.length - 2)).length / values.length);
  const outline = heights => heights.flatMap((h, i) => [[edges[i], h], [edges[i + 1], h]]);
  const median = values => {
    const sorted = [...values].sort((a, b) => a - b);
    const half = sorted.length / 2;
    return sorted.length % 2 ? sorted[Math.floor(half)] : (sorted[half - 1] + sorted[half]) / 2;
  };

  return ({strength, length, replaced}) => {
    const [s, r] = [strengths.indexOf(strength), shares.indexOf(replaced)];
    const {shown, green} = data.texts[s][r];
    text(shown.map(i => data.vocabulary[i]), [], green.map(g => (g ? "strong" : "")),
      `the beginning of one text: green words are bold, with a dot`);
    const values = z(s, r, length);
    marked(histogram(values));
    plain(outline(histogram(z(0, 0, length))));
    return {median: median(values), above: 100 * values.filter(v => v > 4).length / values.length};
  };
}
