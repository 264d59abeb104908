// A GAN in the plane that trains in the page: what the generator makes of a grid of noise, what the
// discriminator says everywhere, the gradient that samples receive, and both losses.
({data, panel, palettes, range, slice}) => {
  const {lr, batch, hidden, high, ratios} = data;
  const drawing = [...data.drawing];
  const noise = randomNumbers(3).normals(2 * data.shown); // the same whenever they are looked at
  const side = range(-3, 3, 31);
  const places = Float64Array.from(side.flatMap(b => side.flatMap(a => [a, b])));
  let G, D, random, count, losses, known, real;

  const begin = () => {
    const weights = randomNumbers(1);
    G = network([2, hidden, hidden, 2], "relu", weights.uniform);
    D = network([2, hidden, hidden, 1], "relu", weights.uniform);
    random = randomNumbers(2);
    [count, losses] = [0, []];
  };
  begin();

  // one move of the discriminator: real up, fake down
  const moveD = (kind, beta1) => {
    const both = new Float64Array(4 * batch);
    both.set(toyData(kind, drawing, batch, random));
    both.set(G.forward(random.normals(2 * batch)), 2 * batch);
    const signs = D.forward(both).map((v, i) => (i < batch ? -v : v));
    D.backward(signs.map((v, i) => (i < batch ? -1 : 1) * sigmoid(v) / batch));
    D.step(lr, beta1, 0.99);
    return signs.reduce((total, v) => total + softplus(v), 0) / batch;
  };
  // the gradient of the generator's loss with respect to the logits, and the loss itself
  const lossG = [
    [v => sigmoid(v) - 1, v => softplus(-v)], // -log D(G(z))
    [v => -sigmoid(v), v => -softplus(v)], // log(1 - D(G(z)))
  ];
  const moveG = (loss, beta1) => {
    const [slope, value] = lossG[loss];
    const logits = D.forward(G.forward(random.normals(2 * batch)));
    G.backward(D.backward(logits.map(v => slope(v) / batch)));
    G.step(lr, beta1, 0.99);
    return logits.reduce((total, v) => total + value(v), 0) / batch;
  };
  const round = ({kind, ratio, loss, beta1}) => {
    const [dMoves, gMoves] = ratios[ratio];
    let d, g;
    for (let i = 0; i < dMoves; i++) d = moveD(kind, beta1);
    for (let i = 0; i < gMoves; i++) g = moveG(loss, beta1);
    losses.push([count++, d, g]);
  };

  const plane = {x: [-3, 3], y: [-3, 3], ticksX: [-2, 0, 2], ticksY: [-2, 0, 2], square: true, small: true};
  const realFake = palettes.between([[222, 110, 20], [255, 255, 255], [20, 120, 185]]);
  const judged = panel({...plane, title: "D: blue real, orange fake"});
  const heat = judged.heat(realFake);
  const dataHere = judged.dots({color: "#00436B", size: 1.6});
  const fakeHere = judged.dots({color: "#7A3500", size: 1.6});
  const arrows = judged.lines({color: "#111", width: 0.9});

  const made = panel({...plane, title: "G(z): noise grid, warped"});
  const shades = [0.06, 0.16, 0.3, 0.5, 0.75].map(opacity =>
    made.lines({color: "model", fill: true, opacity}));
  const warped = made.lines({color: "model", width: 0.6});
  const dataThere = made.dots({color: "data", size: 1.6});
  const landed = made.handle();

  const low = {small: true, stack: true, height: 132};
  const curves = panel({...low, x: [0, high], y: [-1, 3], ticksX: [0, high / 2, high],
    ticksY: [0, 1, 2], title: "losses: D blue, G orange"});
  for (const due of [Math.log(4), Math.log(2)]) curves.rule({color: "muted", width: 0.8})({y: due});
  const [curveD, curveG] = [curves.line({color: "data", width: 1}), curves.line({color: "model", width: 1})];
  const from = panel({...low, x: [-6.4, 6.4], y: [-2.7, 2.7], ticksX: [-4, -2, 0, 2, 4],
    ticksY: [-2, 0, 2], title: "noise z; drag the point"});
  const rulers = range(-2.25, 2.25, 13);
  const fine = range(-2.25, 2.25, 25);
  const grid = [...rulers.map(a => fine.map(b => [a, b])), ...rulers.map(b => fine.map(a => [a, b]))];
  from.lines({color: "model", width: 0.5})(grid);
  const chosen = from.handle();
  from.drag((z1, z2) => ({z1, z2}));
  const draws = view => view.drag((x, y, pressed) => {
    if (pressed && known !== 4) drawing.length = 0;
    drawing.push([x, y]);
    known = null;
    return {kind: 4};
  }, true);
  draws(judged);
  draws(made);

  // the path of each grid line, and of each cell between two lines, by how dense the samples are in it
  const warp = () => {
    const flat = pairs(G.forward(Float64Array.from(grid.flat(2))));
    warped(grid.map((_, i) => flat.slice(25 * i, 25 * i + 25)));
    const corner = (i, j) => flat[25 * i + 2 * j];
    const cells = shades.map(() => []);
    for (let i = 0; i < 12; i++) {
      for (let j = 0; j < 12; j++) {
        const shape = [corner(i, j), corner(i + 1, j), corner(i + 1, j + 1), corner(i, j + 1)];
        const area = Math.abs(shape.reduce((total, [a, b], k) => {
          const [c, d] = shape[(k + 1) % 4];
          return total + a * d - b * c;
        }, 0)) / 2;
        const [a, b] = [rulers[i] + 0.1875, rulers[j] + 0.1875];
        const density = Math.exp(-(a * a + b * b) / 2) / (2 * Math.PI) * 0.1406 / Math.max(area, 1e-6);
        cells[[0.02, 0.06, 0.2, 0.6, Infinity].findIndex(most => density <= most)].push(shape);
      }
    }
    shades.forEach((shade, i) => shade(cells[i]));
  };

  const look = loss => {
    const fakes = G.forward(noise);
    const some = fakes.slice(0, 2 * 48);
    const push = pairs(D.backward(D.forward(some).map(lossG[loss][0])));
    arrows(pairs(some).map(([x, y], i) => {
      const [u, v] = push[i].map(g => -1.5 * g);
      const long = Math.min(1, 1 / Math.hypot(u, v));
      const [dx, dy] = [u * long, v * long];
      return [[x, y], [x + dx, y + dy], [x + 0.75 * dx - 0.12 * dy, y + 0.75 * dy + 0.12 * dx],
        [x + dx, y + dy], [x + 0.75 * dx + 0.12 * dy, y + 0.75 * dy - 0.12 * dx]];
    }));
    const says = D.forward(places).map(sigmoid);
    heat(side.map((_, i) => [...says.slice(31 * i, 31 * i + 31)]));
    fakeHere(pairs(fakes));
    warp();
    const every = Math.max(1, Math.ceil(losses.length / 200)); // means of so many rounds
    const means = k => Array.from({length: Math.floor(losses.length / every)}, (_, i) => {
      const part = losses.slice(every * i, every * i + every);
      return [part[0][0], part.reduce((total, row) => total + row[k], 0) / every];
    });
    curveD(means(1));
    curveG(means(2));
    const mean = (points, f) => {
      const logits = D.forward(points); // none of a drawing that was cleared
      return logits.reduce((total, v) => total + f(v), 0) / logits.length;
    };
    const d_loss = mean(real, v => softplus(-v)) + mean(fakes, softplus);
    return {d_loss, g_loss: mean(fakes, lossG[loss][1]), distance: energyDistance(fakes, real)};
  };

  let looked = "", numbers;
  return state => {
    const {rounds, kind, loss, z1, z2, cleared} = state;
    if (cleared) [drawing.length, known, state.cleared] = [0, null, false];
    const blank = kind === 4 && !drawing.length;
    if (rounds < count) begin();
    const until = performance.now() + 0.5 * slice();
    while (count < rounds && !blank && performance.now() < until) round(state);
    if (known !== kind) {
      real = blank ? [] : toyData(kind, drawing, data.shown, randomNumbers(4));
      dataHere(pairs(real));
      dataThere(pairs(real));
      known = kind;
      looked = "";
    }
    if (looked !== `${count} ${loss}`) numbers = look(loss);
    looked = `${count} ${loss}`;
    const [x, y] = G.forward(Float64Array.of(z1, z2));
    const [logit] = D.forward(Float64Array.of(x, y));
    chosen(z1, z2);
    landed(x, y);
    return {...numbers, rounds: count, more: count < rounds && !blank, x, y, probability: sigmoid(logit)};
  };
}
