// Reports written at several temperatures, with and without top-p: one of them to read, and which
// share of them is fluent, true, new and different.
({data, panel, words}) => {
  const {temperatures, cuts, shares, texts} = data;
  const STYLES = {fluent: ["data", ""], true: ["other", "8 4"], new: ["model", "2 4"], different: ["wrong", "9 3 2 3"]};
  const chart = panel({x: [0, 1.7], y: [-0.03, 1.25], ticksY: [0, 0.5, 1], xlabel: "temperature; drag",
    ylabel: "share of reports", title: "shares by temperature"});
  const marks = Object.entries(STYLES).map(([name, [color, dash]], i) => {
    chart.text({color})(0.03 + 0.42 * i, 1.14, name);
    const beside = 0.012 * (1.5 - i); // lines of equal shares are side by side
    return {name, beside, line: chart.line({color, dash}), dots: chart.dots({color, size: 3})};
  });
  const here = chart.line({color: "muted", dash: "5 4", width: 1.5});
  const nearest = T => temperatures.reduce((best, t, i) =>
    (Math.abs(t - T) < Math.abs(temperatures[best] - T) ? i : best), 0);
  chart.drag(T => ({temperature: nearest(T)}));
  const text = words({stack: true});

  return ({temperature, cut}) => {
    for (const {name, beside, line, dots} of marks) {
      const points = temperatures.map((T, i) => [T, shares[i][cut][name] + beside]);
      line(points);
      dots(points);
    }
    here([0, 1.06].map(y => [temperatures[temperature], y]));
    text(texts[temperature][cut], [], [], `one report at T = ${temperatures[temperature]}, p = ${cuts[cut]}`);
    return shares[temperature][cut];
  };
}
