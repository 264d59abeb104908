// The page's side of an explorable: panels, controls, a sentence that follows. Asks no Python.
//
// A figure is a function ({data, panel, words, image, ...}) => draw, and draw(state) => the numbers
// of the sentence; `more: true` among them asks for the next frame: work is left, which it does for
// `slice()` milliseconds at a time. The data, controls and words come from the JSON in the root.

const NS = "http://www.w3.org/2000/svg";
const COLORS = {
  data: "#0072B2", model: "#D55E00", other: "#009E73", wrong: "#CC79A7", muted: "#7A7A7A",
};
const SIZE = {width: 440, height: 300, left: 54, right: 12, top: 30, bottom: 46};
const SMALL = {width: 250, height: 200, left: 40, right: 6, top: 26, bottom: 24};
const color = name => COLORS[name] || name || "currentColor";

function element(kind, attributes, parent) {
  const node = document.createElementNS(NS, kind);
  change(node, attributes);
  if (parent) parent.append(node);
  return node;
}

function change(node, attributes) {
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
}

// -- numbers and words

function ticks(low, high, count = 5) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find(k => k * power >= rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({length: last - first + 1}, (_, i) => +((first + i) * step).toPrecision(12));
}

// "{score:.3f} nats" as Python's str.format would fill it in
function filled(words, values) {
  return words.replace(/\{(\w+)(?::\.(\d+)f)?\}/g, (_, name, digits) => {
    const value = values[name];
    if (Number.isNaN(value)) return "…"; // not computed yet
    return digits && typeof value === "number" ? value.toFixed(+digits) : String(value);
  });
}

// 0.0001 and 10000 as powers of ten, others as they are
function tickLabel(value) {
  const power = Math.log10(Math.abs(value));
  if (value === 0 || Math.abs(power) < 3.5) return String(value);
  const digits = String(Math.round(power)).replace(/./g, c => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return Number.isInteger(+power.toFixed(9)) ? `10${digits}` : value.toExponential(0);
}

function range(low, high, count) {
  return Array.from({length: count}, (_, i) => low + (high - low) * i / (count - 1));
}

// -- a panel: axes, and marks in the coordinates of the data

function makePanel(box, {x, y, xlabel = "", ylabel = "", title = "", log = {}, ticksX, ticksY,
                         square = false, small = false, stack = false, height: asked},
                   onDrag) {
  const size = small ? SMALL : SIZE;
  const height = asked || (square
    ? size.width - size.left - size.right + size.top + size.bottom : size.height);
  if (small) box.classList.add("small");
  if (stack) box = stacked(box);
  const svg = element("svg", {viewBox: `0 0 ${size.width} ${height}`, role: "img"}, box);
  const frame = {
    x0: size.left, x1: size.width - size.right, y0: height - size.bottom, y1: size.top,
  };
  const scale = ([low, high], a, b, isLog) => {
    const f = isLog ? Math.log : v => v;
    return v => a + (b - a) * (f(v) - f(low)) / (f(high) - f(low));
  };
  const unscale = ([low, high], a, b, isLog) => pixel => {
    const share = Math.min(1, Math.max(0, (pixel - a) / (b - a)));
    return isLog ? low * (high / low) ** share : low + share * (high - low);
  };
  const X = scale(x, frame.x0, frame.x1, log.x);
  const Y = scale(y, frame.y0, frame.y1, log.y);
  const clip = element("svg", {
    x: frame.x0, y: frame.y1, width: frame.x1 - frame.x0, height: frame.y0 - frame.y1,
    viewBox: `${frame.x0} ${frame.y1} ${frame.x1 - frame.x0} ${frame.y0 - frame.y1}`,
  }, svg);
  drawAxes(svg, frame, X, Y, ticksX || ticks(...x), ticksY || ticks(...y), xlabel, ylabel);
  const heading = element("text", {x: small ? 4 : size.left, y: 18, class: "title"}, svg);
  heading.textContent = title;
  const handles = [];

  const panel = {
    svg, X, Y, x, y,
    title(text) { heading.textContent = text; },
    // a curve through points, or of a function over the panel's width
    line(style = {}) {
      const node = element("path", strokes(style), clip);
      return points => change(node, {d: path(points, X, Y, x)});
    },
    area(style = {}) {
      const node = element("path", {
        fill: color(style.color), opacity: style.opacity || 0.35, class: "fill",
      }, clip);
      return points => {
        const outline = path(points, X, Y, x);
        const ends = typeof points === "function" ? x : [points[0][0], points.at(-1)[0]];
        const base = Y(Math.max(0, y[0]));
        change(node, {d: `${outline}L${X(ends[1])} ${base}L${X(ends[0])} ${base}Z`});
      };
    },
    // many lines, or shapes where `fill` is set, as one mark
    lines({fill, opacity = 1, ...style} = {}) {
      const node = element("path", {...strokes({width: fill ? 0 : 1, ...style}), opacity}, clip);
      if (fill) node.setAttribute("fill", color(style.color));
      return list => change(node, {d: list.map(points => path(points, X, Y, x)).join("")});
    },
    // bars between edges, from 0 up
    bars(edges, heights, style = {}) {
      const nodes = heights.map(() => element("rect", {
        fill: color(style.color), opacity: style.opacity || 0.5, class: "fill",
      }, clip));
      const set = tops => tops.forEach((top, i) => change(nodes[i], {
        x: X(edges[i]), width: Math.max(0, X(edges[i + 1]) - X(edges[i])),
        y: Math.min(Y(top), Y(0)), height: Math.abs(Y(0) - Y(top)),
      }));
      set(heights);
      return set;
    },
    // horizontal bars, the i-th at height `at` and as long as `value`
    rows(style = {}) {
      const nodes = [];
      return (i, at, value) => {
        nodes[i] ||= element("rect", style.hollow
          ? {fill: "none", stroke: color(style.color), "stroke-width": 2}
          : {fill: color(style.color), opacity: 0.5}, clip);
        change(nodes[i], {x: X(x[0]), width: Math.max(0, X(value) - X(x[0])), y: Y(at + 0.4),
          height: Math.abs(Y(0) - Y(0.8))});
      };
    },
    // round ends of lines without length: hundreds of dots as one mark
    dots(style = {}) {
      const node = element("path", {stroke: color(style.color), "stroke-width": 2 * (style.size || 3),
        "stroke-linecap": "round", opacity: style.opacity || 1}, clip);
      return points => change(node, {
        d: points.map(p => `M${X(p[0]).toFixed(1)} ${Y(p[1]).toFixed(1)}h.01`).join(""),
      });
    },
    // a point that the reader takes hold of
    handle(radius = small ? 6 : 9) {
      const node = element("circle", {r: radius, class: "handle"}, clip);
      handles.push(node);
      return (px, py) => change(node, {cx: X(px), cy: Y(py)});
    },
    text(style = {}) {
      const node = element("text", {
        "text-anchor": style.anchor || "start", class: "note",
        style: `fill:color-mix(in srgb,${color(style.color)} 70%,currentColor)`, // to be read
      }, clip);
      return (px, py, words) => {
        change(node, {x: X(px), y: Y(py)});
        node.textContent = words;
      };
    },
    rule(style = {}) {
      const node = element("path", strokes({dash: "5 4", ...style}), clip);
      return ({x: atX, y: atY}) => change(node, {
        d: atX !== undefined ? `M${X(atX)} ${frame.y0}V${frame.y1}`
          : `M${frame.x0} ${Y(atY)}H${frame.x1}`,
      });
    },
    // rows of values from bottom to top, shown as colors of `palette`
    heat(palette = cividis) {
      const canvas = document.createElement("canvas");
      const image = element("image", {
        x: frame.x0, y: frame.y1, width: frame.x1 - frame.x0, height: frame.y0 - frame.y1,
        preserveAspectRatio: "none", style: "image-rendering:pixelated",
      });
      clip.prepend(image);
      return rows => {
        paint(canvas, rows, palette);
        change(image, {href: canvas.toDataURL()});
      };
    },
    // state to set, from x and y of the data, and whether the pointer was pressed just now. A finger
    // scrolls unless it taps or starts near a handle; without handles it drags sideways; what is
    // `drawn` on never scrolls.
    drag(toState, drawn = false) {
      svg.classList.add("touchable");
      svg.classList.toggle("drawn", drawn);
      const move = (event, pressed) => {
        const rect = svg.getBoundingClientRect();
        const px = (event.clientX - rect.left) * size.width / rect.width;
        const py = (event.clientY - rect.top) * height / rect.height;
        onDrag(toState(unscale(x, frame.x0, frame.x1, log.x)(px),
          unscale(y, frame.y0, frame.y1, log.y)(py), pressed));
      };
      const near = event => handles.some(node => {
        const {x, y, width} = node.getBoundingClientRect(); // a square
        return Math.hypot(x + width / 2 - event.clientX, y + width / 2 - event.clientY) < 28;
      });
      let start = null; // of a finger that may yet scroll
      const press = event => { start = null; move(event, true); };
      svg.addEventListener("pointerdown", event => {
        svg.setPointerCapture(event.pointerId);
        if (event.pointerType !== "touch" || drawn || near(event)) press(event);
        else start = event;
      });
      svg.addEventListener("touchstart", event => { // comes after pointerdown
        if (!start) event.preventDefault();
      }, {passive: false});
      const way = event => ["clientX", "clientY"].map(k => start ? Math.abs(event[k] - start[k]) : 0);
      svg.addEventListener("pointermove", event => {
        if (!svg.hasPointerCapture(event.pointerId)) return;
        const [across, along] = way(event);
        if (across > along && !handles.length) press(start);
        if (!start) move(event, false);
      });
      svg.addEventListener("pointerup", event => {
        if (start && Math.hypot(...way(event)) < 10) press(start);
      });
    },
  };
  return panel;
}

// the last cell of the grid if it is a stack, else a new one
function stacked(box) {
  if (!box.lastChild?.matches(".stack")) {
    box.append(Object.assign(document.createElement("div"), {className: "stack"}));
  }
  return box.lastChild;
}

function strokes({color: name, width = 2.5, dash = ""}) {
  return {stroke: color(name), "stroke-width": width, "stroke-dasharray": dash, fill: "none"};
}

function path(points, X, Y, [low, high]) {
  const list = typeof points === "function"
    ? range(low, high, 161).map(v => [v, points(v)]) : points;
  const finite = list.filter(p => Number.isFinite(p[1]));
  return finite.map((p, i) => `${i ? "L" : "M"}${X(p[0]).toFixed(1)} ${Y(p[1]).toFixed(1)}`).join("");
}

function drawAxes(svg, frame, X, Y, ticksX, ticksY, xlabel, ylabel) {
  const axes = element("g", {class: "axes"}, svg);
  element("path", {d: `M${frame.x0} ${frame.y1}V${frame.y0}H${frame.x1}`}, axes);
  const say = (attributes, words) => { element("text", attributes, axes).textContent = words; };
  for (const v of ticksX) {
    const last = X(v) > frame.x1 - 4; // stays inside the picture
    say({x: X(v) + (last ? 6 : 0), y: frame.y0 + 17, "text-anchor": last ? "end" : "middle"}, tickLabel(v));
  }
  for (const v of ticksY) say({x: frame.x0 - 6, y: Y(v) + 4, "text-anchor": "end"}, tickLabel(v));
  const middle = (frame.x0 + frame.x1) / 2;
  say({x: middle, y: frame.y0 + 36, "text-anchor": "middle"}, xlabel);
  const turned = `rotate(-90) translate(${-(frame.y0 + frame.y1) / 2} 14)`;
  say({transform: turned, "text-anchor": "middle"}, ylabel);
}

// -- words that can be shaded and picked, and pictures

// `pick(i)` is the state when the pointer is on word i; the result takes weights from 0 to 1 and
// classes of the words
function makeWords(box, {pick, title = "", stack = false}, set) {
  const block = document.createElement("div");
  block.className = pick ? "words touchable" : "words";
  const heading = document.createElement("strong");
  heading.textContent = title;
  const text = document.createElement("div");
  block.append(heading, text);
  (stack ? stacked(box) : box).append(block);
  return (list, weights = [], classes = [], newTitle = null) => {
    if (newTitle !== null) heading.textContent = newTitle;
    while (text.children.length > list.length) text.lastChild.remove();
    list.forEach((word, i) => {
      let node = text.children[i];
      if (!node) {
        node = document.createElement("span");
        if (pick) {
          const at = i;
          node.addEventListener("pointerenter", () => set(pick(at)));
          node.addEventListener("pointerdown", () => set(pick(at)));
        }
        text.append(node);
      }
      node.textContent = word;
      node.className = classes[i] || "";
      const weight = weights[i] || 0;
      node.style.background = weight ? `rgba(0,114,178,${(0.65 * weight).toFixed(2)})` : "";
      node.style.borderBottom = `${Math.round(4 * weight)}px solid currentColor`;
    });
  };
}

// a picture of height x width pixels; values (height * width * 3) from 0 to 1
function makeImage(box, {width, height, title = "", stack = false, most = 440}) {
  const figure = document.createElement("figure");
  const canvas = Object.assign(document.createElement("canvas"), {width, height});
  canvas.setAttribute("role", "img");
  const caption = document.createElement("figcaption");
  caption.textContent = title;
  figure.append(canvas, caption);
  canvas.style.maxWidth = `${most}px`;
  (stack ? stacked(box) : box).append(figure);
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const draw = (values, words = title) => {
    for (let i = 0; i < width * height; i++) {
      for (let k = 0; k < 3; k++) picture.data[4 * i + k] = 255 * values[3 * i + k];
      picture.data[4 * i + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    caption.textContent = words;
    canvas.setAttribute("aria-label", words);
  };
  return Object.assign(draw, {width, height});
}

// what live.packed made
function unpacked({bytes, low, high, bits}) {
  const raw = Uint8Array.from(atob(bytes), c => c.charCodeAt(0)).buffer;
  const codes = bits === 16 ? new Uint16Array(raw) : new Uint8Array(raw);
  return Float64Array.from(codes, c => low + (high - low) * c / (2 ** bits - 1));
}

// the forward pass of what live.weights made
function feedForward(layers) {
  const made = layers.map(layer => ({...layer, w: unpacked(layer.w), b: unpacked(layer.b)}));
  return rows => made.reduce((x, {inputs, out, w, b, silu}) => {
    const y = new Float64Array(x.length / inputs * out);
    for (let at = 0; at < y.length; at++) {
      const [row, col] = [Math.floor(at / out) * inputs, at % out * inputs];
      let total = b[at % out];
      for (let k = 0; k < inputs; k++) total += w[col + k] * x[row + k];
      y[at] = silu ? total / (1 + Math.exp(-total)) : total;
    }
    return y;
  }, rows);
}

// -- color maps: value in 0..1 to [r, g, b]

const between = stops => share => {
  const at = Math.min(1, Math.max(0, share)) * (stops.length - 1);
  const i = Math.min(stops.length - 2, Math.floor(at));
  return stops[i].map((a, k) => a + (stops[i + 1][k] - a) * (at - i));
};
const ink = between([[255, 255, 255], [0, 0, 0]]);
const cividis = between([[0, 32, 77], [65, 77, 107], [124, 123, 120], [188, 175, 111], [255, 234, 70]]);

function paint(canvas, rows, palette) {
  const [height, width] = [rows.length, rows[0].length];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  for (let i = 0; i < height; i++) {
    for (let j = 0; j < width; j++) {
      const at = 4 * ((height - 1 - i) * width + j);
      picture.data.set([...palette(rows[i][j]), 255], at);
    }
  }
  context.putImageData(picture, 0, 0);
}

// -- controls: native inputs, each with its name and value

const CONTROLS = {
  range(spec, changed) {
    const input = Object.assign(document.createElement("input"), {
      type: "range", min: spec.low, max: spec.high, step: spec.step,
    });
    const output = document.createElement("output");
    const digits = (String(spec.step).split(".")[1] || "").length;
    input.addEventListener("input", () => changed(+input.value));
    return {
      nodes: [input, output],
      show(value) {
        input.value = value;
        output.textContent = value.toFixed(digits) + spec.unit;
        input.setAttribute("aria-valuetext", output.textContent);
      },
    };
  },
  choice(spec, changed) {
    const select = document.createElement("select");
    spec.options.forEach((text, i) => select.append(new Option(text, i)));
    select.addEventListener("input", () => changed(+select.value));
    return {nodes: [select], show(value) { select.value = value; }};
  },
  switch(spec, changed) {
    const input = Object.assign(document.createElement("input"), {type: "checkbox"});
    input.addEventListener("input", () => changed(input.checked));
    return {nodes: [input], show(value) { input.checked = value; }};
  },
};

function makeControl(spec, bar, changed) {
  const label = document.createElement("label");
  const control = CONTROLS[spec.kind](spec, changed);
  label.append(`${spec.label} `, ...control.nodes);
  label.dataset.control = spec.name;
  bar.append(label);
  return control;
}

// a button that moves a range to its end, or one step where motion is unwelcome
function makePlayer(spec, target, bar, state, set) {
  const button = Object.assign(document.createElement("button"), {type: "button"});
  const still = matchMedia("(prefers-reduced-motion: reduce)");
  let timer = null;
  const stop = () => { clearInterval(timer); timer = null; name(); };
  const name = () => { button.textContent = timer ? `❚❚ pause` : `▶ ${spec.label}`; };
  const step = () => {
    const next = state[target.name] + target.step * spec.stride;
    if (next > target.high + 1e-9) return stop();
    set({[target.name]: +next.toFixed(9)});
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (state[target.name] + target.step * spec.stride > target.high + 1e-9) {
      set({[target.name]: target.low});
    }
    if (still.matches) return step();
    timer = setInterval(() => (button.isConnected ? step() : stop()), spec.wait);
    name();
  });
  name();
  bar.prepend(button);
}

// a button that sets controls
function makeButton({label, values}, bar, set) {
  const button = Object.assign(document.createElement("button"), {type: "button", textContent: label});
  button.addEventListener("click", () => set(values));
  bar.append(button);
}

// the buttons of a network that trains: `state[name]` is how far it shall
function makeTrainer(spec, bar, state, set, root) {
  const group = document.createElement("span");
  const [run, one, again] = ["", `one ${spec.unit}`, "start again"].map(text =>
    Object.assign(document.createElement("button"), {type: "button", textContent: text}));
  const output = document.createElement("output");
  const reached = () => root.numbers[spec.name];
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const target = () => (calm.matches ? Math.min(reached() + 100, spec.high) : spec.high);
  run.addEventListener("click", () =>
    set({[spec.name]: state[spec.name] > reached() ? reached() : target()}));
  one.addEventListener("click", () => set({[spec.name]: Math.min(reached() + 1, spec.high)}));
  again.addEventListener("click", () => set({[spec.name]: 0}));
  group.append(run, one, again, output);
  bar.prepend(group);
  return {
    show(value) {
      run.textContent = value > reached() ? "❚❚ pause" : `▶ ${spec.label}`;
      output.textContent = `${reached()} ${spec.unit}s`;
      run.disabled = one.disabled = reached() >= spec.high;
    },
  };
}

// -- one explorable

function start(root, figure) {
  root.dataset.alive = "";
  root.slice = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 10; // milliseconds
  const {data, controls, words: template, start: state} = JSON.parse(
    root.querySelector('script[type="application/json"]').textContent);
  const [box, bar, sentence] = ["panels", "controls", "says"].map(name => {
    const node = document.createElement(name === "says" ? "p" : "div");
    node.className = name;
    return node;
  });
  let waiting = false;
  const set = values => {
    for (const [name, value] of Object.entries(values || {})) {
      const spec = controls.find(c => c.name === name);
      state[name] = spec && spec.kind === "range" ? snapped(value, spec) : value;
    }
    if (!waiting) requestAnimationFrame(show);
    waiting = true;
  };
  const show = () => {
    waiting = false;
    const {more = false, ...numbers} = draw(state) || {};
    root.numbers = numbers;
    root.toggleAttribute("data-busy", more);
    for (const [name, control] of Object.entries(made)) control.show(state[name]);
    sentence.setAttribute("aria-live", more ? "off" : "polite"); // not sixty times a second
    sentence.textContent = filled(template, {...state, ...numbers});
    box.querySelectorAll("svg").forEach(svg => svg.setAttribute("aria-label", sentence.textContent));
    if (more && root.isConnected) set();
  };
  const made = {};
  for (const spec of controls.filter(c => c.kind in CONTROLS)) {
    made[spec.name] = makeControl(spec, bar, value => set({[spec.name]: value}));
  }
  for (const spec of controls.filter(c => c.kind === "play")) {
    makePlayer(spec, controls.find(c => c.name === spec.name), bar, state, set);
  }
  for (const spec of controls.filter(c => c.kind === "button")) makeButton(spec, bar, set);
  for (const spec of controls.filter(c => c.kind === "train")) {
    made[spec.name] = makeTrainer(spec, bar, state, set, root);
  }
  // a notebook has commands on the keys that a control needs: arrows, D twice
  root.addEventListener("keydown", event => {
    const command = event.ctrlKey || event.metaKey || event.altKey || event.key === "Escape";
    if (!command) event.stopPropagation();
  });
  const slice = () => root.slice;
  const panel = options => makePanel(box, options, set);
  const words = options => makeWords(box, options, set);
  const image = options => makeImage(box, options);
  const palettes = {cividis, ink, between};
  const draw = figure({
    data, panel, words, image, unpacked, feedForward, state, set, palettes, range, slice,
  });
  root.querySelector(".still")?.remove();
  root.append(box, bar, sentence);
  root.set = set; // for tests and the console
  show();
}

function snapped(value, {low, high, step}) {
  const near = low + Math.round((value - low) / step) * step;
  return +Math.min(high, Math.max(low, near)).toFixed(9);
}

// `document.currentScript` can be missing, and a cell may run twice
const own = document.currentScript?.closest("[data-explorable]");
const roots = own ? [own] : document.querySelectorAll(`[data-explorable="${NAME}"]`);
for (const root of roots) if (!("alive" in root.dataset)) start(root, FIGURE);
