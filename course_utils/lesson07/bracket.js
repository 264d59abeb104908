// An engineer's drawing of an angle bracket whose measures the reader drags, and how much of what is
// allowed each requirement uses. The designs are the trained decoder's; its forward pass runs here.
({data, panel, feedForward, range, set}) => {
  const {center, std, codes, designs, density, modulus, stress, deflection, pullOut, bendFactor} = data;
  const MEASURES = ["width", "height", "depth", "thickness", "hole", "edge"];
  const SETTINGS = ["load", "limit", "variant", "design"];
  const [REPAIRED, YOURS] = [1, 2];
  const decode = feedForward(data.layers);

  const designed = (load, limit, variant) =>
    Array.from(decode(Float64Array.from([...codes[variant - 1], (load - 160) / 80, (limit - 55) / 26])))
      .map((v, i) => v * std[i] + center[i]);
  const mass = ([w, h, b, t, d]) =>
    density * t * (w * (h + b - (4 - 0.75 * Math.PI) * t) - Math.PI * d ** 2);
  // the share of what is allowed that each requirement uses
  const used = (part, load, limit) => {
    const [w, h, b, t, d, e] = part;
    const some = v => Math.max(v, 1e-9);
    const [arm, back, net, inertia] = [some(b - e), some(h - e), some(w - 2 * d), w * t ** 3 / 12];
    const lever = some(h - e - 2 * t); // of the screws, from where the bend leaves the wall
    return {
      sheet: 2 / t,
      edge: 1.5 * d / e,
      spacing: 3 * d / some(w - 2 * e),
      head: 1.5 * d / some(Math.min(h, b) - e - 2 * t),
      stress: bendFactor * 6 * load * arm / (net * t ** 2) / stress,
      deflection: load * arm ** 2 * (arm + back) / (3 * modulus * inertia) / deflection,
      screws: load * arm / (2 * lever) / pullOut,
      mass: mass(part) / limit,
    };
  };
  const holds = (...asked) => Math.max(...Object.values(used(...asked))) <= 1;
  // the first part that holds on the way to a small, safe one
  const repaired = (part, load, limit) => {
    const safe = Array.from({length: 60}, (_, i) => [33, 25, 25, 2 + 0.1 * i, 4, 6.5])
      .find(one => holds(one, load, limit));
    const ways = safe ? Array.from({length: 51}, (_, i) => part.map((v, k) => v + i * 0.02 * (safe[k] - v))) : [];
    return ways.find(one => holds(one, load, limit));
  };

  const SIDE = 108; // where the view from the left begins
  const sheet = panel({x: [-14, 204], y: [-14, 94], ticksX: [], ticksY: [], height: 262,
    xlabel: "dashed: the deflection, twenty times as large"});
  const metal = sheet.lines({color: "data", fill: true, opacity: 0.25});
  const edges = sheet.lines({color: "currentColor", width: 1.6});
  const thin = sheet.lines({color: "currentColor", width: 0.8});
  const axes = sheet.lines({color: "muted", dash: "7 3 2 3"});
  const sagging = sheet.lines({color: "wrong", width: 1.5, dash: "4 3"});
  const force = sheet.lines({color: "model", width: 2.5});
  const [wide, deep, thick, round, newtons, ruler] = ["start", "start", "start", "start", "middle", "end"]
    .map(anchor => sheet.text({anchor}));
  const squares = sheet.lines({color: "other", fill: true});
  const handles = Array.from({length: 5}, () => sheet.handle(6)); // unseen, above the squares
  sheet.svg.querySelectorAll(".handle").forEach(node => { node.style.opacity = 0; });

  const bars = panel({x: [0, 1.5], y: [-7.7, 0.7], ticksX: [0, 0.5, 1, 1.5], ticksY: [],
    xlabel: "share used of what is allowed", height: 262});
  const [fine, broken] = [bars.rows({color: "other"}), bars.rows({color: "wrong"})];
  bars.rule({color: "currentColor"})({x: 1});
  for (let i = 0; i < 8; i++) [fine, broken].forEach(row => row(i, -i, 0)); // below the words
  const says = Array.from({length: 8}, () => bars.text());

  let [shown, scale, held] = [null, 1, null]; // of the drawing, which keeps its scale during a drag
  // where each handle is, and the measures that it sets when it is dragged
  const grips = ([w, h, b, t, d, e]) => [
    [w, h, (x, y) => ({width: x / scale, height: y / scale})],
    [e, h - e - d / 2 - 4, x => ({edge: x / scale})],
    [w - e, h - e - d / 2 - 4, (x, y) => ({hole: 2 * (h - e - y - 4) / scale})],
    [SIDE + b, t / 2, x => ({depth: (x - SIDE) / scale})],
    [SIDE + t, 0.6 * h, x => ({thickness: (x - SIDE) / scale})],
  ];
  sheet.drag((x, y, pressed) => {
    const all = grips(shown.map(v => v * scale));
    const far = ([gx, gy]) => Math.hypot(gx - x, gy - y);
    if (pressed) held = all.reduce((best, grip, i) => (far(grip) < far(all[best]) ? i : best), 0);
    return all[held][2](x, y);
  });
  sheet.svg.addEventListener("lostpointercapture", () => {
    held = null;
    set({});
  });

  const turn = (x, y, r, from, to) => range(from, to, 19).map(a => [x + r * Math.cos(a), y + r * Math.sin(a)]);
  const circle = (x, y, r) => turn(x, y, r, 0, 2 * Math.PI);
  const box = (x0, y0, x1, y1) => [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]];

  function draw(part, load, report) {
    const [width, height, depth] = part;
    const fits = k => k * width <= 90 && k * depth <= 80 && k * height <= 68;
    if (held === null) scale = [3, 2.5, 2, 1.5, 1.25].find(fits) || 1;
    const [w, h, b, t, d, e] = part.map(v => v * scale);
    const [front, low, tip] = [box(0, 0, w, h), h - e, SIDE + b - e]; // the holes' height and place
    const bend = r => turn(SIDE + 2 * t, 2 * t, r, -Math.PI / 2, -Math.PI);
    const side = [[SIDE + b, 0], ...bend(2 * t), [SIDE, h], [SIDE + t, h], ...bend(t).reverse(),
      [SIDE + b, t], [SIDE + b, 0]];
    metal([front, side]);
    edges([front, side, circle(e, low, d / 2), circle(w - e, low, d / 2)]);
    thin([[[0, 2 * t], [w, 2 * t]], box(SIDE, low - d / 2, SIDE + t, low + d / 2),
      box(tip - d / 2, 0, tip + d / 2, t), [[174 - 20 * scale, 88], [174, 88]]]);
    axes([[[-4, low], [w + 4, low]], [[SIDE - 4, low], [SIDE + t + 4, low]], [[tip, -4], [tip, t + 4]],
      ...[e, w - e].map(x => [[x, low - d / 2 - 3], [x, low + d / 2 + 3]])]);
    const sag = 20 * scale * deflection * report.deflection; // may leave the sheet
    sagging([range(0, 1, 17).map(u => [SIDE + t + u * (b - t), t / 2 - sag * u ** 2])]);
    force([[[tip, t + 18], [tip, t + 2], [tip - 2, t + 6], [tip, t + 2], [tip + 2, t + 6]]]);
    const said = part.map(v => v.toFixed(1));
    newtons(tip + (tip < 170 ? 15 : -15), t + 11, `${load} N`);
    wide(0, -10, `width ${said[0]}, height ${said[1]}`);
    deep(SIDE, -10, `depth ${said[2]}`);
    round(0, h + 6, `⌀ ${said[4]}, edge ${said[5]}`);
    thick(SIDE, h + 6, `t ${said[3]}`);
    ruler(203, 86, "20 mm");
    const places = grips([w, h, b, t, d, e]);
    places.forEach(([x, y], i) => handles[i](x, y));
    squares(places.map(([x, y]) => box(x - 2.2, y - 2.2, x + 2.2, y + 2.2)));
  }

  let [last, mine] = [{}, null];
  return state => {
    const same = names => names.every(name => state[name] === last[name]);
    if (state.design !== YOURS && same(SETTINGS) && !same(MEASURES)) state.design = YOURS; // an edit
    const other = last.design === YOURS && same(["design", ...MEASURES]) && !same(["variant"]);
    if (other) state.design = 0; // another of the model's designs
    const back = state.design === YOURS && last.design !== YOURS && same(MEASURES);
    if (back && mine) Object.assign(state, mine); // to what the reader had before
    const raw = designed(state.load, state.limit, state.variant);
    const found = state.design === REPAIRED ? repaired(raw, state.load, state.limit) : raw;
    shown = state.design === YOURS ? MEASURES.map(name => state[name]) : found || raw;
    const measures = Object.fromEntries(MEASURES.map((name, i) => [name, shown[i]]));
    if (state.design === YOURS) mine = measures;
    Object.assign(state, measures);
    last = {...state};

    const report = used(shown, state.load, state.limit);
    draw(shown, state.load, report);
    const percent = share => (share < 9.995 ? `${(100 * share).toFixed(0)}%` : "over 999%");
    const failed = Object.keys(report).filter(name => report[name] > 1);
    Object.entries(report).forEach(([name, share], i) => {
      fine(i, -i, share > 1 ? 0 : share);
      broken(i, -i, share > 1 ? share : 0);
      says[i](0.02, -i - 0.17, `${share > 1 ? "✗" : "✓"} ${name} ${percent(share)}`);
    });
    const how = found ? designs[state.design] : `${designs[0]}, for no repair is known`;
    sheet.title(`${how}: ${mass(shown).toFixed(1)} g`);
    bars.title(`${8 - failed.length} of 8 requirements are met`);
    return {
      ...report, ...measures, how,
      grams: mass(shown),
      met: 8 - failed.length,
      failed: failed.map(name => `${name} ${percent(report[name])}`).join(", ") || "nothing",
    };
  };
}
