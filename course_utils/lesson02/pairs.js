// Some of the pairs that a generator is trained on, the curve that they teach, what it generates.
({data, panel}) => {
  const pairs = panel({x: [0, 1], y: [-3.2, 3.2], xlabel: "z", ylabel: "x",
    title: "pairs (dots) and the trained curve g(z)"});
  const dots = pairs.dots({color: "data", size: 2.5, opacity: 0.7});
  const curve = pairs.line({color: "model"});
  const values = panel({x: [-3.5, 3.5], y: [0, 1.6], xlabel: "value", ylabel: "density, cut at 1.6",
    title: "real (blue) and generated (orange)"});
  values.bars(data.edges, data.real, {color: "data"});
  const generated = values.bars(data.edges, data.generated[0], {color: "model"});

  return ({share}) => {
    const i = Math.round(share * (data.curves.length - 1));
    const heights = data.curves[i];
    dots(data.z.map((z, k) => [z, data.luck[k] < share ? data.partner[k] : data.stranger[k]]));
    curve(heights.map((height, k) => [k / (heights.length - 1), height]));
    generated(data.generated[i]);
    return {percent: 100 * share, low: Math.min(...heights), high: Math.max(...heights),
      std: data.std[i]};
  };
}
