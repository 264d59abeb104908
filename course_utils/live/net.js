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
