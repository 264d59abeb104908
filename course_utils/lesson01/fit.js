// A Gaussian over the data, and its place among all candidates; both pictures can be dragged.
({data, panel, set, state, palettes, range}) => {
  const score = (mean, sigma) =>
    -0.5 * Math.log(2 * Math.PI * sigma ** 2)
    - (data.var + (data.mean - mean) ** 2) / (2 * sigma ** 2);

  const density = panel({x: [0, 30], y: [0, 0.16], xlabel: "ink, % of the image", ylabel: "density",
    title: "the data and your Gaussian"});
  density.bars(data.edges, data.heights, {color: "data"});
  const curve = density.line({color: "model"});
  density.drag(x => ({mean: x}));

  const all = panel({x: [3.5, 20.5], y: [1.625, 9.375], xlabel: "mean", ylabel: "standard deviation",
    title: "all candidates; the dot is yours"});
  const best = score(data.mean, Math.sqrt(data.var));
  // levels rather than a smooth ramp, so that the summit is seen
  const levels = [3, 2, 1.5, 1, 0.7, 0.4, 0.2, 0.1, 0.04, 0.01];
  const height = (mean, sigma) =>
    levels.filter(level => best - score(mean, sigma) < level).length / levels.length;
  all.heat(palettes.cividis)(
    range(1.625, 9.375, 63).map(sigma => range(3.5, 20.5, 103).map(mean => height(mean, sigma))));
  const dot = all.handle();
  all.drag((mean, sigma) => ({mean, sigma}));

  return ({mean, sigma}) => {
    curve(x => Math.exp(-0.5 * ((x - mean) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI)));
    dot(mean, sigma);
    return {score: score(mean, sigma)};
  };
}
