// The forward process on a photograph: how much of it is left at step t, for two noise schedules.
({data, image, panel, unpacked, range}) => {
  const {height, width, schedules} = data;
  const [x0, eps] = [unpacked(data.x0), unpacked(data.eps)];
  const T = schedules[0].length;
  const picture = image({width, height});
  const shares = panel({x: [-0.03 * T, 1.03 * T], y: [-0.05, 1.05], ticksX: range(0, T, 6), xlabel: "t", ylabel: "ᾱ",
    title: "share of the variance that is data; drag"});
  const curves = schedules.map((_, k) => shares.line({color: "muted", dash: k ? "2 4" : "7 4"}));
  schedules.forEach((list, k) => curves[k](list.map((v, t) => [t, v])));
  const dot = shares.handle();
  shares.drag(t => ({t}));

  return ({t, schedule}) => {
    const share = schedules[schedule][t];
    const [a, b] = [Math.sqrt(share), Math.sqrt(1 - share)];
    picture(x0.map((v, i) => Math.min(1, Math.max(0, (a * v + b * eps[i] + 1) / 2))),
      `t = ${t}: ${(100 * share).toFixed(0)}% data`);
    dot(t, share);
    return {percent: 100 * share, snr: share / Math.max(1e-12, 1 - share)};
  };
}
