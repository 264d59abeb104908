// What the figures that train a network in the plane share: data, and how far samples are from it.

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
