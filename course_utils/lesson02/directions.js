// One Gaussian q for a target p with two modes, and both divergences of every such q.
({panel, range, palettes}) => {
  const line = range(-12, 12, 400);
  const masses = density => {
    const total = density.reduce((sum, v) => sum + v, 0);
    return density.map(v => v / total);
  };
  const normal = (mean, sigma) =>
    masses(line.map(x => Math.exp(-0.5 * ((x - mean) / sigma) ** 2)));
  const kl = (p, q) => p.reduce((sum, v, i) => sum + (v > 0 ? v * Math.log(v / q[i]) : 0), 0);
  const [left, right] = [normal(-2.5, 0.5), normal(2.5, 0.5)];
  const p = left.map((v, i) => 0.6 * v + 0.4 * right[i]);
  const points = q => line.map((x, i) => [x, q[i] / (line[1] - line[0])]);

  const density = panel({x: [-8, 8], y: [0, 0.8], xlabel: "x", ylabel: "density",
    title: "the target p (filled) and your q"});
  density.area({color: "data"})(points(p));
  const curve = density.line({color: "model"});
  density.drag(mean => ({mean}));

  // steps above the smallest value rather than a smooth ramp, so that the best place is seen
  const steps = [0.03, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2];
  const maps = [
    ["forward, KL(p‖q)", q => kl(p, q)],
    ["reverse, KL(q‖p)", q => kl(q, p)],
  ].map(([title, divergence]) => {
    const map = panel({x: [-4.25, 4.25], y: [0.3, 3.7], xlabel: "mean of q",
      ylabel: "standard deviation of q", title});
    const values = range(0.3, 3.7, 35).map(sigma =>
      range(-4.25, 4.25, 69).map(mean => divergence(normal(mean, sigma))));
    const least = Math.min(...values.flat());
    map.heat(palettes.cividis)(values.map(row => row.map(v =>
      steps.filter(step => v - least < step).length / steps.length)));
    map.drag((mean, sigma) => ({mean, sigma}));
    return map.handle();
  });

  return ({mean, sigma}) => {
    const q = normal(mean, sigma);
    curve(points(q));
    maps.forEach(move => move(mean, sigma));
    return {forward: kl(p, q), reverse: kl(q, p)};
  };
}
