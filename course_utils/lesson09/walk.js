// A hero on the shortest path through a dungeon of 12 x 12 tiles with 8 x 8 pixels each.
({data, image}) => {
  const {levels, paths, tiles, hero, size} = data;
  const W = 8 * size;
  const map = image({width: W, height: W});
  const put = (pixels, [row, column], sprite) => sprite.forEach((rgb, k) => {
    const at = 3 * ((8 * row + Math.floor(k / 8)) * W + 8 * column + k % 8);
    if (rgb) rgb.forEach((v, c) => { pixels[at + c] = v / 255; });
  });

  return ({level, step}) => {
    const path = paths[level];
    const at = Math.min(step, path.length - 1);
    const pixels = new Float64Array(3 * W * W);
    levels[level].forEach((tile, i) => put(pixels, [Math.floor(i / size), i % size], tiles[tile]));
    put(pixels, path[at], hero);
    map(pixels, at === path.length - 1 ? "out!" : `step ${at} of ${path.length - 1}`);
    return {here: at, steps: path.length - 1};
  };
}
