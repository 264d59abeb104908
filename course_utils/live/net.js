// Networks small enough to train in the page: linear layers with ReLU or SiLU between them,
// backpropagation and Adam, in double precision. Arrays hold one example after another.

// numbers that Python's live.net draws too: mulberry32, and Box and Muller's normals
function randomNumbers(seed) {
  let state = seed | 0;
  const uniform = () => {
    state = state + 0x6D2B79F5 | 0;
    let t = Math.imul(state ^ state >>> 15, state | 1);
    t ^= t + Math.imul(t ^ t >>> 7, t | 61);
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const normals = count => Float64Array.from({length: count}, normal);
  return {uniform, normal, normals};
}

const sigmoid = v => 1 / (1 + Math.exp(-v));
const softplus = v => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v)));
// an activation in place, on values that become its outputs; its slopes come back
const ACTIVATIONS = {
  relu(y) {
    const slopes = new Float64Array(y.length);
    for (let i = 0; i < y.length; i++) {
      if (y[i] > 0) slopes[i] = 1;
      else y[i] = 0;
    }
    return slopes;
  },
  silu(y) {
    const slopes = new Float64Array(y.length);
    for (let i = 0; i < y.length; i++) {
      const s = 1 / (1 + Math.exp(-y[i]));
      slopes[i] = s * (1 + y[i] * (1 - s));
      y[i] *= s;
    }
    return slopes;
  },
};

// layers of `sizes`, initialized like nn.Linear; `forward` remembers what `backward` needs
function network(sizes, activation, uniform) {
  const layers = sizes.slice(1).map((out, l) => {
    const bound = 1 / Math.sqrt(sizes[l]);
    const drawn = n => Float64Array.from({length: n}, () => bound * (2 * uniform() - 1));
    return {inputs: sizes[l], out, params: [drawn(sizes[l] * out), drawn(out)], grads: []};
  });
  let seen = []; // by layer: its inputs, and the slopes of the activation after it

  const forward = x => {
    seen = [];
    layers.forEach(({inputs, out, params: [w, b]}, l) => {
      const n = x.length / inputs;
      const y = new Float64Array(n * out);
      for (let i = 0, at = 0; i < n; i++) {
        const row = i * inputs;
        for (let j = 0, col = 0; j < out; j++, at++) {
          let total = b[j];
          for (let k = 0; k < inputs; k++, col++) total += w[col] * x[row + k];
          y[at] = total;
        }
      }
      seen.push([x, l < layers.length - 1 ? ACTIVATIONS[activation](y) : null]);
      x = y;
    });
    return x;
  };

  // from the gradient of the outputs to that of the inputs; layers keep theirs in `grads`
  const backward = gradient => {
    for (let l = layers.length - 1; l >= 0; l--) {
      const {inputs, out, params: [w]} = layers[l];
      const [x, slopes] = seen[l];
      const [gw, gb, gx] = [w.length, out, x.length].map(n => new Float64Array(n));
      for (let at = 0, row = 0; at < gradient.length; row += inputs) {
        for (let j = 0, col = 0; j < out; j++, at++) {
          const g = slopes ? gradient[at] * slopes[at] : gradient[at];
          gb[j] += g;
          for (let k = 0; k < inputs; k++, col++) {
            gw[col] += g * x[row + k];
            gx[row + k] += g * w[col];
          }
        }
      }
      layers[l].grads = [gw, gb];
      gradient = gx;
    }
    return gradient;
  };

  let moves = 0;
  const moments = layers.flatMap(({params}) =>
    params.map(p => [new Float64Array(p.length), new Float64Array(p.length)]));
  // one step of Adam along the gradients that `backward` left
  const step = (lr, beta1 = 0.9, beta2 = 0.999) => {
    moves += 1;
    const [debias1, debias2] = [1 - beta1 ** moves, 1 - beta2 ** moves];
    layers.flatMap(({params, grads}) => params.map((p, i) => [p, grads[i]])).forEach(([p, g], at) => {
      const [m, v] = moments[at];
      for (let i = 0; i < p.length; i++) {
        m[i] += (1 - beta1) * (g[i] - m[i]);
        v[i] += (1 - beta2) * (g[i] * g[i] - v[i]);
        p[i] -= lr * (m[i] / debias1) / (Math.sqrt(v[i] / debias2) + 1e-8);
      }
    });
  };
  // move the weights by a share of the way to those of another network: 1 copies, less averages
  const follow = (other, share) => layers.forEach(({params}, l) => params.forEach((p, i) => {
    const there = other.layers[l].params[i];
    for (let k = 0; k < p.length; k++) p[k] += share * (there[k] - p[k]);
  }));
  return {layers, forward, backward, step, follow};
}

// twice the mean distance between two crowds of points in the plane, less those within each
function energyDistance(a, b) {
  const mean = (p, q) => {
    let total = 0;
    for (let i = 0; i < p.length; i += 2) {
      for (let j = 0; j < q.length; j += 2) {
        total += Math.sqrt((p[i] - q[j]) ** 2 + (p[i + 1] - q[j + 1]) ** 2); // hypot is slow
      }
    }
    return total / (p.length * q.length / 4);
  };
  return 2 * mean(a, b) - mean(a, a) - mean(b, b);
}

// ---- crowds in the plane ----

// n points of a toy distribution, or of a drawing (a list of points) with a little noise
function toyData(kind, drawing, n, {uniform, normal}) {
  const shapes = [
    () => [uniform() < 0.5 ? -1.5 : 1.5, 0, 0.2],
    () => { const a = Math.PI / 4 * Math.floor(8 * uniform()); return [2 * Math.cos(a), 2 * Math.sin(a), 0.1]; },
    () => {
      const [a, side] = [Math.PI * uniform(), uniform() < 0.5 ? -1 : 1];
      return [side * (1.2 * Math.cos(a) - 0.6), side * (1.4 * Math.sin(a) - 0.35), 0.1];
    },
    () => { const r = 0.3 + 1.9 * uniform(); return [r * Math.cos(4 * r), r * Math.sin(4 * r), 0.06]; },
    () => [...drawing[Math.floor(drawing.length * uniform())], 0.06],
  ];
  const points = new Float64Array(2 * n);
  for (let i = 0; i < 2 * n; i += 2) {
    const [x, y, width] = shapes[kind]();
    points[i] = x + width * normal();
    points[i + 1] = y + width * normal();
  }
  return points;
}

const pairs = flat => Array.from({length: flat.length / 2}, (_, i) => [flat[2 * i], flat[2 * i + 1]]);
