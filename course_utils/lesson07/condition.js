// Forty digits for one condition, or for a mixture of two: the decoder's forward pass runs here.
({data, panel, image, feedForward}) => {
  const decode = feedForward(data.layers);
  const {codes, temperatures, scores} = data;
  const [COLUMNS, SIDE] = [8, 30]; // a digit and the gap beside it
  const sheet = image({width: COLUMNS * SIDE - 2, height: codes.length / COLUMNS * SIDE - 2});
  const pad = panel({x: [-0.05, 1.05], y: [-0.1, temperatures.at(-1) + 0.1], ticksX: [0, 0.5, 1], ticksY: [0, 0.5, 1, 1.5], xlabel: "share of the next digit",
    ylabel: "temperature", title: "drag: condition and temperature"});
  const here = pad.handle();
  pad.drag((mix, temperature) => ({mix, temperature}));

  return ({digit, mix, temperature}) => {
    const c = Array(10).fill(0);
    c[digit] += 1 - mix;
    c[(digit + 1) % 10] += mix;
    const rows = codes.flatMap(z => [...z.map(v => temperature * v), ...c]);
    const shown = decode(Float64Array.from(rows)).map(v => 1 / (1 + Math.exp(-v)));
    const paper = new Float64Array(sheet.width * sheet.height * 3).fill(1);
    shown.forEach((v, at) => {
      const [i, k] = [Math.floor(at / 784), at % 784];
      const y = Math.floor(i / COLUMNS) * SIDE + Math.floor(k / 28);
      const pixel = 3 * (y * sheet.width + i % COLUMNS * SIDE + k % 28);
      paper.fill(1 - v, pixel, pixel + 3);
    });
    const next = mix ? `, ${Math.round(100 * mix)}% of the way to ${(digit + 1) % 10}` : "";
    sheet(paper, `condition ${digit}${next}, temperature ${temperature}`);
    here(mix, temperature);
    const [control, fd] = scores[temperatures.findIndex(tau => Math.abs(tau - temperature) < 1e-6)];
    return {ink: 100 * shown.reduce((a, b) => a + b, 0) / shown.length, control, fd};
  };
}
