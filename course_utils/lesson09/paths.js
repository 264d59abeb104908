// Diffusion and flow matching on points in the plane, trained in the page on what the reader draws:
// one network predicts the noise (sampled by DDPM and DDIM), another the velocity of the flow.
({data, panel, range, slice}) => {
  const {T, lr, batch, hidden, high, shown, steps: choices, average} = data;
  const drawing = [...data.drawing];
  const beta = range(0.001, 0.1, T);
  const ab = [];
  beta.reduce((product, b, t) => (ab[t] = product * (1 - b)), 1);
  const waves = [1, 2].flatMap(w => [v => Math.sin(w * v), v => Math.cos(w * v)]);
  const clock = [0.5, 1, 2].flatMap(w => [t => Math.sin(w * Math.PI * t), t => Math.cos(w * Math.PI * t)]);
  const INPUTS = 2 + 2 * waves.length + clock.length;
  // a place and its time as the inputs of a network
  const inputs = (x, timeOf) => {
    const rows = new Float64Array(x.length / 2 * INPUTS);
    for (let i = 0, at = 0; i < x.length / 2; i++) {
      const [a, b, t] = [x[2 * i], x[2 * i + 1], timeOf(i)];
      rows[at++] = a;
      rows[at++] = b;
      for (const wave of waves) { rows[at++] = wave(a); rows[at++] = wave(b); }
      for (const wave of clock) rows[at++] = wave(t);
    }
    return rows;
  };

  const start = randomNumbers(3).normals(2 * shown); // the same noise for all samplers
  let learners, smooth, frozen, random, count, losses, known = null, real;
  const begin = () => {
    const weights = randomNumbers(1);
    const sizes = [INPUTS, hidden, hidden, hidden, 2];
    learners = [0, 1].map(() => network(sizes, "silu", weights.uniform));
    const copies = nets => nets.map(net => {
      const copy = network(sizes, "silu", weights.uniform);
      copy.follow(net, 1);
      return copy;
    });
    smooth = copies(learners);
    frozen = copies(learners);
    random = randomNumbers(2);
    [count, losses, films, filmed] = [0, [], {}, -1];
    forget();
  };

  // what each network is asked and what it should answer, for data, noise and shares u of the time
  const noised = (x, eps, u) => {
    const t = u.map(v => Math.floor(T * v));
    const x_t = x.map((v, i) => Math.sqrt(ab[t[i >> 1]]) * v + Math.sqrt(1 - ab[t[i >> 1]]) * eps[i]);
    return [inputs(x_t, i => t[i] / T), eps];
  };
  const between = (x, eps, u) => {
    const x_t = x.map((v, i) => u[i >> 1] * v + (1 - u[i >> 1]) * eps[i]);
    return [inputs(x_t, i => u[i]), x.map((v, i) => v - eps[i])];
  };
  const tasks = [noised, between];
  const example = (kind, n, numbers) => [toyData(kind, drawing, n, numbers),
    numbers.normals(2 * n), Float64Array.from({length: n}, numbers.uniform)];
  const squared = (answer, due) =>
    answer.reduce((total, v, i) => total + (v - due[i]) ** 2, 0) / answer.length;
  const trainStep = kind => {
    const drawn = example(kind, batch, random);
    const rate = lr * Math.min(1, (count + 1) / 50) * (0.05 + 0.95 * (1 - count / high));
    losses.push([count, ...tasks.map((task, k) => {
      const [asked, due] = task(...drawn);
      const answer = learners[k].forward(asked);
      learners[k].backward(answer.map((v, i) => 2 * (v - due[i]) / answer.length));
      learners[k].step(rate);
      smooth[k].follow(learners[k], Math.max(average, 1 / (count + 1)));
      return squared(answer, due);
    })]);
    count++;
  };

  // the samplers of the frozen networks, one step at a time: each yields the points after it
  function* ddpm() {
    const fresh = randomNumbers(5);
    let x = start;
    yield x;
    for (let t = T - 1; t >= 0; t--) {
      const eps = frozen[0].forward(inputs(x, () => t / T));
      x = x.map((v, i) => (v - beta[t] / Math.sqrt(1 - ab[t]) * eps[i]) / Math.sqrt(1 - beta[t])
        + (t > 0 ? Math.sqrt(beta[t]) * fresh.normal() : 0));
      yield x;
    }
  }
  function* ddim(n) {
    let x = start;
    yield x;
    for (let k = n; k > 0; k--) {
      const [t, next] = [k, k - 1].map(at => Math.round(T * at / n) - 1);
      const [a, b] = [ab[t], next < 0 ? 1 : ab[next]];
      const eps = frozen[0].forward(inputs(x, () => t / T));
      x = x.map((v, i) => Math.sqrt(b / a) * (v - Math.sqrt(1 - a) * eps[i]) + Math.sqrt(1 - b) * eps[i]);
      yield x;
    }
  }
  function* flow(n) {
    let x = start;
    yield x;
    for (let k = 0; k < n; k++) {
      const v = frozen[1].forward(inputs(x, () => k / n));
      x = x.map((at, i) => at + v[i] / n);
      yield x;
    }
  }

  const low = {small: true, height: 210}; // two rows of three fit on a slide
  const plane = {x: [-3, 3], y: [-2.35, 2.35], ...low, ticksX: [-2, 0, 2], ticksY: [-2, 0, 2]}; // 34 pixels a unit
  const sheet = panel({...plane, title: "data; draw your own here"});
  const onSheet = sheet.dots({color: "data", size: 2});
  sheet.drag((x, y, pressed) => {
    if (pressed && known !== 4) drawing.length = 0;
    drawing.push([x, y]);
    known = null;
    return {kind: 4};
  }, true);
  const curves = panel({x: [0, high], y: [0, 3], ticksX: [0, high / 2, high], ticksY: [0, 1, 2], ...low,
    title: "loss of ε and v (dashed)"});
  const curve = [curves.line({color: "other", width: 1.5}), curves.line({color: "wrong", width: 1.5, dash: "5 3"})];
  const quality = panel({x: [0.9, 33], y: [0.003, 3], log: {x: true, y: true}, ticksX: choices,
    ticksY: [0.01, 0.1, 1], ...low, title: "distance over steps"});
  const byDdpm = quality.rule({color: "muted"});
  const byDdim = [quality.line({color: "other"}), quality.dots({color: "other", size: 4})];
  const byFlow = [quality.line({color: "wrong", dash: "5 3"}), quality.dots({color: "wrong", size: 4})];
  const views = ["DDPM", "DDIM", "flow"].map((name, k) => {
    const view = panel({...plane, title: name});
    const color = ["model", "other", "wrong"][k];
    const [data, samples] = [view.dots({color: "data", size: 2, opacity: 0.4}), view.dots({color, size: 2.5, opacity: 0.5})];
    const path = view.lines({color: "currentColor", width: 1, opacity: 0.7});
    return {name, view, data, samples, path, heads: view.dots({color, size: 3.2})};
  });

  // films: by sampler and number of steps, all that it yields, made while there is time
  let films, filmed;
  const SAMPLERS = {ddpm, ddim, flow};
  const film = (name, n) =>
    films[`${name} ${n}`] ||= {frames: [], walk: SAMPLERS[name](n), distance: null};
  // at least one step of a sampler, however late it is
  const complete = (wanted, until) => wanted.every(([name, n]) => {
    const held = film(name, n);
    for (let late = false; held.distance === null && !late; late = performance.now() >= until) {
      const {value, done} = held.walk.next();
      if (done) held.distance = energyDistance(held.frames.at(-1), real);
      else held.frames.push(value);
    }
    return held.distance !== null;
  });
  const lowest = d => Math.max(d, 0.003);
  let shownFilms, shownAt, drawn, numbers, lossesNow = {};
  const noCurves = () => [byDdim, byFlow].forEach(([curve]) => curve([]));
  const filmAnew = () => {
    frozen.forEach((net, k) => net.follow(smooth[k], 1));
    [films, filmed] = [{}, count];
    noCurves();
  };
  // nothing is shown until it is computed
  const forget = () => {
    [shownFilms, drawn, numbers] = [null, {}, {ddpm: NaN, ddim: NaN, flow: NaN}];
    noCurves();
    byDdpm({y: 99}); // above the panel
    [byDdim, byFlow].forEach(([, dot]) => dot([]));
    for (const {name, view, samples, path, heads} of views) {
      [samples, path, heads].forEach(mark => mark([]));
      view.title(`${name} …`);
    }
  };

  return state => {
    const {rounds, kind, steps, time, cleared} = state;
    if (cleared) [drawing.length, known, state.cleared] = [0, null, false];
    const blank = kind === 4 && !drawing.length;
    if (known !== kind) {
      begin();
      real = blank ? [] : toyData(kind, drawing, shown, randomNumbers(4));
      [onSheet, ...views.map(v => v.data)].forEach(dots => dots(pairs(real)));
      known = kind;
    }
    if (rounds < count) begin();
    if (blank) curve.forEach(mark => mark([]));
    if (blank) return {...numbers, eps_loss: NaN, v_loss: NaN, rounds: count, n: choices[steps], older: ""};
    const from = performance.now();
    while (count < rounds && performance.now() < from + 0.6 * slice()) trainStep(kind);
    const trained = performance.now();
    const until = trained + Math.max(0.4 * slice(), trained - from); // for the samplers
    const n = choices[steps];
    if (shownFilms && shownFilms[1].frames.length !== n + 1) forget();
    const wanted = [["ddpm", T], ["ddim", n], ["flow", n]];
    if (filmed < 0) filmAnew();
    const ready = complete(wanted, until);
    if (ready && shownFilms?.every((held, i) => held === film(...wanted[i])) !== true) {
      shownFilms = wanted.map(([name, n]) => film(name, n));
      shownAt = filmed;
    }
    let all = false; // how good after 1, 2, 4 ... steps
    if (ready && filmed === rounds) {
      all = complete(choices.flatMap(n => [["ddim", n], ["flow", n]]), until);
      const found = name => choices.map(n => [n, film(name, n).distance]).filter(p => p[1] !== null)
        .map(([n, d]) => [n, lowest(d)]);
      byDdim[0](found("ddim"));
      byFlow[0](found("flow"));
    }
    if (ready && filmed !== count) filmAnew(); // once what was filmed is shown
    if (lossesNow.count !== count) {
      const every = Math.ceil((losses.length + 1) / 100);
      curve.forEach((mark, k) => mark(Array.from({length: Math.floor(losses.length / every)}, (_, i) => {
        const part = losses.slice(every * i, every * i + every);
        return [part[0][0], part.reduce((total, row) => total + row[k + 1], 0) / every];
      })));
      const fixed = example(kind, shown, randomNumbers(6));
      const [eps_loss, v_loss] = tasks.map((task, k) => {
        const [asked, due] = task(...fixed);
        return squared(smooth[k].forward(asked), due);
      });
      lossesNow = {count, eps_loss, v_loss};
    }
    if (shownFilms && (drawn.films !== shownFilms || drawn.time !== time)) {
      drawn = {films: shownFilms, time};
      views.forEach(({name, view, path, samples, heads}, k) => {
        const {frames} = shownFilms[k];
        const at = Math.round(time * (frames.length - 1));
        samples(pairs(frames[at]));
        const [some, past] = [range(0, 7, 8).slice(0, k ? 8 : 3), frames.slice(0, at + 1)];
        path(some.map(i => past.map(x => [x[2 * i], x[2 * i + 1]])));
        heads(pairs(frames[at]).slice(0, some.length));
        view.title(`${name}, step ${at} of ${frames.length - 1}`);
      });
      const [ddpm, ddim, flow] = shownFilms.map(held => held.distance);
      numbers = {ddpm, ddim, flow};
      byDdpm({y: lowest(ddpm)});
      byDdim[1]([[n, lowest(ddim)]]);
      byFlow[1]([[n, lowest(flow)]]);
    }
    const {eps_loss, v_loss} = lossesNow;
    const older = shownFilms && shownAt < count ? ` (at training step ${shownAt})` : "";
    return {...numbers, eps_loss, v_loss, rounds: count, n, older, more: !all};
  };
}
