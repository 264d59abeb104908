// Gradient descent with momentum in a narrow valley: the path over the valley, and the loss of
// every step.
({panel, palettes, range}) => {
  const STEPS = 60;
  const valley = panel({x: [-10.4, 3.4], y: [-2.75, 2.75], xlabel: "along", ylabel: "across",
    title: "the path; drag its start"});
  const heat = valley.heat(palettes.cividis);
  const trace = valley.line({color: "model", width: 1.5});
  const visited = valley.dots({color: "model"});
  const start = valley.handle();
  valley.drag((along, across) => ({along, across}));

  const losses = panel({x: [0, STEPS], y: [1e-21, 1e4], log: {y: true}, xlabel: "step",
    title: "the loss", ticksY: [1e-20, 1e-10, 1]});
  const curve = losses.line({color: "data"});

  const roll = ({lr, momentum, curvature, along, across}) => {
    let [a, b, va, vb] = [along, across, 0, 0];
    return range(0, STEPS, STEPS + 1).map(step => {
      if (step) {
        [va, vb] = [momentum * va + a, momentum * vb + curvature * b];
        [a, b] = [a - lr * va, b - lr * vb];
      }
      return [a, b];
    });
  };
  let drawn = 0;

  return state => {
    const {curvature} = state;
    const loss = ([a, b]) => (a ** 2 + curvature * b ** 2) / 2;
    if (drawn !== curvature) {
      heat(range(-2.75, 2.75, 55).map(b => range(-10.4, 3.4, 85).map(a =>
        1 - Math.min(9, Math.floor(2.2 * Math.log10(1 + 20 * loss([a, b])))) / 9)));
      drawn = curvature;
    }
    const path = roll(state);
    const inside = path.findIndex(([a, b]) => Math.abs(a) > 20 || Math.abs(b) > 5);
    const shown = inside < 0 ? path : path.slice(0, inside + 1);
    trace(shown);
    visited(shown);
    start(state.along, state.across);
    curve(path.map((at, step) => [step, Math.max(1e-21, loss(at))]));
    const end = loss(path.at(-1));
    return {
      bound: 2 * (1 + state.momentum) / curvature, plain: 2 / curvature,
      log_loss: Math.log10(Math.max(1e-300, end)),
      outcome: end < 1e4 ? `the loss after ${STEPS} steps is ${end.toPrecision(2)}`
        : `the path leaves the map`,
    };
  };
}
