// Heights in bins whose edge can be dragged: the share in a bin, and the share per meter.
({data, panel, range}) => {
  const {mean, sigma, low, step, counts} = data;
  const curve = v => Math.exp(-0.5 * ((v - mean) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
  const x = [low, 2 * mean - low];
  const total = counts.map(row => row.reduce((a, b) => a + b, 0));

  // bins of a width that is an even number of steps, one of them centered at the mean
  const binned = (row, width) => {
    const inner = Math.round(width / step);
    const first = Math.round((mean - width / 2 - low) / step);
    const sides = Math.ceil(first / inner);
    return range(-sides, sides, 2 * sides + 1).map(k => {
      const from = first + Math.round(k) * inner;
      return row.slice(Math.max(0, from), Math.max(0, from + inner)).reduce((a, b) => a + b, 0);
    });
  };
  const make = (y, ylabel, title, density) => {
    const p = panel({x, y, xlabel: "height, m", ylabel, title});
    const all = p.area({color: "data", opacity: 0.45});
    const middle = p.area({color: "data", opacity: 0.5});
    if (density) p.line({color: "model"})(density);
    const handle = p.handle();
    p.drag(at => ({width: 2 * Math.abs(at - mean)}));
    const corners = (tops, width) => tops.flatMap((top, i) => {
      const from = mean + (i - (tops.length - 1) / 2 - 0.5) * width;
      return [[from, 0], [from, top], [from + width, top], [from + width, 0]];
    });
    return (tops, width) => {
      const top = tops[(tops.length - 1) / 2];
      all(corners(tops, width));
      middle(corners([top], width));
      handle(mean + width / 2, top);
    };
  };
  const left = make([-0.012, 0.75], "share of people", "share in each bin");
  const right = make([0, 6], "share per meter", "share divided by the bin's width", curve);

  return ({width, people}) => {
    const shares = binned(counts[people], width).map(n => n / total[people]);
    left(shares, width);
    right(shares.map(share => share / width), width);
    const share = shares[(shares.length - 1) / 2];
    return {share, density: share / width, curve: curve(mean)};
  };
}
