// The latents of digits in the plane, the digit decoded at the reader's place, and samples from a
// square or from N(0, I). The decoder's forward pass runs here.
({data, panel, image, feedForward, palettes, range}) => {
  const decode = feedForward(data.layers);
  const images = places => decode(Float64Array.from(places.flat())).map(v => 1 / (1 + Math.exp(-v)));
  const COLORS = ["#0072B2", "#D55E00", "#009E73", "#B0478A", "#555555"];
  const map = panel({x: [-4.25, 4.25], y: [-4.25, 4.25], xlabel: "z1", ylabel: "z2", square: true,
    title: "latents; drag the point"});
  const everywhere = map.heat(v => palettes.ink(0.75 * v));
  data.places.forEach(([x, y], i) => {
    map.text({anchor: "middle", color: COLORS[data.labels[i] % 5]})(x, y, String(data.labels[i]));
  });
  const marks = [...map.svg.querySelectorAll("text.note")];
  const turn = range(0, 2 * Math.PI, 61);
  const rings = map.lines({color: "muted", dash: "5 4", width: 1.2});
  rings([1, 2].map(r => turn.map(a => [r * Math.cos(a), r * Math.sin(a)])));
  const square = map.lines({color: "wrong", width: 2});
  const here = map.handle();
  map.drag((z1, z2) => ({z1, z2}));
  const [COLUMNS, GAP] = [8, 2];
  const rows = data.uniform.length / COLUMNS;
  const one = image({width: 28, height: 28, stack: true, most: 150});
  const many = image({width: COLUMNS * (28 + GAP) - GAP, height: rows * (28 + GAP) - GAP, stack: true});
  const gray = v => 1 - v;

  // digits at every place of a grid, rows from bottom to top
  let sheet = null;
  const fill = () => {
    const centers = range(-4, 4, 17);
    const all = images(centers.flatMap(b => centers.map(a => [a, b])));
    sheet = range(0, 17 * 28 - 1, 17 * 28).map(y => range(0, 17 * 28 - 1, 17 * 28).map(x => {
      const tile = Math.floor(y / 28) * 17 + Math.floor(x / 28);
      return all[tile * 784 + (27 - y % 28) * 28 + x % 28];
    }));
    everywhere(sheet);
  };
  let sampled = null, background = null;

  return ({z1, z2, width, view}) => {
    const [fd, kinds, source] = data.scores[data.widths.findIndex(w => Math.abs(w - width) < 1e-6)];
    const pixels = images([[z1, z2]]);
    one(Array.from(pixels).flatMap(v => [gray(v), gray(v), gray(v)]),
      `decoded at (${z1.toFixed(1)}, ${z2.toFixed(1)})`);
    if (sampled !== width) {
      const latents = width ? data.uniform.map(u => u.map(v => width * v)) : data.normal;
      const drawn = images(latents);
      const paper = new Float64Array(many.width * many.height * 3).fill(1);
      for (let i = 0; i < latents.length; i++) {
        const [top, left] = [Math.floor(i / COLUMNS) * (28 + GAP), i % COLUMNS * (28 + GAP)];
        for (let k = 0; k < 784; k++) {
          const at = 3 * ((top + Math.floor(k / 28)) * many.width + left + k % 28);
          paper.fill(gray(drawn[i * 784 + k]), at, at + 3);
        }
      }
      many(paper, width ? `samples from the square ±${width}` : "samples from N(0, I)");
      square(width ? [[[-width, -width], [width, -width], [width, width], [-width, width], [-width, -width]]] : []);
      sampled = width;
    }
    if (background !== view) {
      if (view && !sheet) fill();
      map.svg.querySelector("image").style.display = view ? "" : "none";
      marks.forEach(node => { node.style.display = view ? "none" : ""; });
      background = view;
    }
    here(z1, z2);
    return {ink: 100 * pixels.reduce((a, b) => a + b, 0) / 784, fd, kinds, source};
  };
}
