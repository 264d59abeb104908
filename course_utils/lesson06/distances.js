// Jensen-Shannon divergence and Wasserstein distance between the data and a generator's density.
({data, panel, range}) => {
  const x = range(-8, 8, 321); // wider than what is shown, so that no mass is lost
  const dx = x[1] - x[0];
  const normal = (mean, sigma) =>
    x.map(v => Math.exp(-0.5 * ((v - mean) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI)));
  const p = normal(data.mean, data.sigma);
  const sum = values => values.reduce((a, b) => a + b, 0);
  const xlog = (a, b) => (a > 0 ? a * Math.log(a / Math.max(b, 1e-30)) : 0);
  const js = q => dx / 2 * sum(p.map((a, i) => {
    const middle = (a + q[i]) / 2;
    return xlog(a, middle) + xlog(q[i], middle);
  }));
  const w1 = q => {
    let running = 0;
    return dx * dx * sum(p.map((a, i) => Math.abs(running += a - q[i])));
  };

  const densities = panel({x: [-4, 4], y: [0, 2], xlabel: "x", ylabel: "density",
    title: "data (filled) and generator; drag it"});
  densities.area({color: "data"})(x.map((v, i) => [v, p[i]]));
  const curve = densities.line({color: "model"});
  densities.drag(place => ({place}));

  const both = panel({x: [-3.5, 3.5], y: [0, 6], xlabel: "place of the generator",
    ylabel: "distance", title: "JS in nats, and W1 (dashed)"});
  const [jsLine, w1Line] = [both.line({color: "other"}), both.line({color: "wrong", dash: "7 4"})];
  const here = both.dots({color: "currentColor", size: 5});
  both.drag(place => ({place}));
  let drawn = 0;

  return ({place, sigma}) => {
    const q = normal(place, sigma);
    curve(x.map((v, i) => [v, q[i]]));
    if (drawn !== sigma) {
      const places = range(-3.5, 3.5, 29).map(at => [at, normal(at, sigma)]);
      jsLine(places.map(([at, other]) => [at, js(other)]));
      w1Line(places.map(([at, other]) => [at, w1(other)]));
      drawn = sigma;
    }
    here([[place, js(q)], [place, w1(q)]]);
    return {js: Math.max(0, js(q)), w1: w1(q)};
  };
}
