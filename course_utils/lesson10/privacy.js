// Membership inference against utility, for every size of the generator and amount of noise.
({data, panel, range}) => {
  const {components, noises, plane} = data;
  const shares = counts => {
    const total = counts.reduce((a, b) => a + b, 0);
    return counts.map(c => c / total);
  };
  const highest = Math.max(...plane.flat().flatMap(p => [...shares(p.members), ...shares(p.others)]));
  const distances = panel({x: [0, data.farthest], y: [0, Math.ceil(10 * highest) / 10], ylabel: "share of patients",
    xlabel: "distance to the nearest synthetic patient",
    title: "members (filled) and others (outlined)"});
  const edges = range(0, data.farthest, 25);
  const members = distances.bars(edges, edges.slice(1).map(() => 0), {color: "data"});
  const others = distances.line({color: "model"});
  const map = panel({x: [0.45, 1], y: [0.85, 1], xlabel: "risk: AUC of the attack",
    ylabel: "utility: TSTR", title: "every setting; the ring is yours"});
  const corner = [[0.45, 0.94], [0.6, 0.94], [0.6, 1], [0.45, 1]];
  map.lines({fill: true, color: "other", opacity: 0.25})([corner]);
  map.lines({color: "other", width: 1.5})([[...corner, corner[0]]]);
  map.text({anchor: "middle", color: "other"})(0.525, 0.99, "release");
  map.dots({color: "muted", size: 4})(plane.flat().map(p => [p.auc, p.tstr]));
  const here = map.handle();
  map.drag((auc, tstr) => {
    const all = plane.flatMap((row, i) => row.map((p, j) => ({...p, i, j})));
    const away = p => ((p.auc - auc) / 0.55) ** 2 + ((p.tstr - tstr) / 0.15) ** 2;
    const nearest = all.reduce((a, b) => (away(a) <= away(b) ? a : b));
    return {size: nearest.i, noise: nearest.j};
  });

  return ({size, noise}) => {
    const p = plane[size][noise];
    members(shares(p.members));
    others(shares(p.others).flatMap((h, i) => [[edges[i], h], [edges[i + 1], h]]));
    here(p.auc, p.tstr);
    return {components: components[size], sd: noises[noise], auc: p.auc, tail: p.tail, tstr: p.tstr};
  };
}
