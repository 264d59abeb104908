// The optimal discriminator for a ring of modes and a generator that is one round Gaussian, and the
// gradient that the generator's center receives from it.
({data, panel, element, palettes, range}) => {
  const MODE = 0.25;
  const density = (at, centers, sigma) => centers.reduce((total, [a, b]) => total
    + Math.exp(-((at[0] - a) ** 2 + (at[1] - b) ** 2) / (2 * sigma ** 2)), 0)
    / (centers.length * 2 * Math.PI * sigma ** 2);
  const plane = panel({x: [-3, 3], y: [-3, 3], xlabel: "x1", ylabel: "x2", square: true,
    title: "D*(x): bright is real, dark is fake, white is neither"});
  const white = [255, 255, 255];
  const heat = plane.heat(share => (share === null ? white : palettes.cividis(share)));
  const arrow = plane.line({color: "model", width: 4});
  const center = plane.handle();
  plane.drag((x1, x2) => ({x1, x2}));
  const side = range(-3, 3, 61);

  return ({x1, x2, sigma}) => {
    const own = [[x1, x2]];
    heat(side.map(b => side.map(a => {
      const [real, fake] = [density([a, b], data.centers, MODE), density([a, b], own, sigma)];
      return real + fake > 1e-3 ? real / (real + fake) : null;
    })));
    // d/dx of -log D* at the center, where the generator's own density is flat
    const real = density([x1, x2], data.centers, MODE);
    const fake = density([x1, x2], own, sigma);
    const slope = [0, 1].map(k => data.centers.reduce((total, c) => total
      + (c[k] - [x1, x2][k]) * density([x1, x2], [c], MODE), 0) / (data.centers.length * MODE ** 2));
    const share = fake / (real + fake + 2e-12) / (real + 1e-12) * real;
    const pull = slope.map(v => v / Math.max(real, 1e-12) * share);
    const strength = Math.hypot(...pull);
    const length = 0.5 / Math.max(strength, 0.5);
    const tip = [x1 + pull[0] * length, x2 + pull[1] * length];
    arrow(head([x1, x2], tip));
    center(x1, x2);
    const [pull1, pull2] = pull.map(v => (Math.abs(v) >= 0.005 ? v : 0)); // never -0.00
    return {pull1, pull2, strength};
  };

  // the shaft and both barbs of an arrow, as one line
  function head([a, b], [c, d]) {
    const long = Math.hypot(c - a, d - b) || 1;
    const [u, v] = [0.15 * (c - a) / long, 0.15 * (d - b) / long];
    return [[a, b], [c, d], [c - u - v, d - v + u], [c, d], [c - u + v, d - v - u]];
  }
}
