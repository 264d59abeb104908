// A branching story as a map: places show once they were visited, others next to them as a question
// mark. A click on a scene goes there; beside it, what has been read on the way.
({data, panel, words, range}) => {
  const {scenes, title, deepest} = data;
  const map = panel({x: [0, 1], y: [-deepest - 0.4, 0.4], ticksX: [], ticksY: [], title});
  const links = scenes.flatMap((scene, from) => scene.ways.map(([way, to]) => ({from, way, to})));
  const open = map.lines({color: "muted"});
  const walked = map.lines({color: "model", width: 4});
  const dots = map.dots({color: "muted", size: 5});
  const here = map.dots({color: "model", size: 8});
  const [wide, high] = [map.X(1) - map.X(0), map.Y(0) - map.Y(1)]; // pixels of one unit
  const half = label => (3.5 * label.length + 3) / wide; // letters are about 7 pixels wide
  // where the middle of a name is: beside its dot, away from where the way comes in, or else above
  const middle = ({x, y, place, parent}) => {
    const near = half(place) + 10 / wide;
    const fits = at => Math.abs(at - 0.5) < 0.5 - half(place) && scenes.every(other => other.y !== y
      || other.x === x || Math.abs(other.x - at) > half(place) + half(other.place));
    const side = [scenes[parent].x > x ? -1 : 1, scenes[parent].x > x ? 1 : -1].find(s => fits(x + s * near));
    return side ? [x + side * near, y] : [x, y + 18 / high];
  };
  // a line without what lies under labels
  const cut = ([x0, y0], [x1, y1], labels) => {
    const pieces = [[]];
    for (const share of range(0, 1, 121)) {
      const [x, y] = [x0 + share * (x1 - x0), y0 + share * (y1 - y0)];
      const free = labels.every(([at, label]) =>
        Math.abs(x - at[0]) > half(label) || Math.abs(y - at[1]) > 9 / high);
      if (free) pieces.at(-1).push([x, y]);
      else if (pieces.at(-1).length) pieces.push([]);
    }
    return pieces.filter(piece => piece.length > 1);
  };
  const below = 4 / high; // from the middle of letters to the line that they stand on
  const names = scenes.map(() => map.text({anchor: "middle"}));
  const signs = links.map(() => map.text({anchor: "middle"}));
  const text = words({stack: true});
  const visited = new Set([0]);
  let known = new Set([0]);
  map.drag((x, y, pressed) => {
    if (!pressed) return {};
    const far = i => Math.hypot(2 * (scenes[i].x - x), scenes[i].y - y);
    return {scene: [...known].reduce((best, i) => (far(i) < far(best) ? i : best), 0)};
  });

  return ({scene}) => {
    const path = [scene];
    while (path[0] !== 0) path.unshift(scenes[path[0]].parent);
    path.forEach(i => visited.add(i));
    known = new Set([...visited, ...links.filter(l => visited.has(l.from)).map(l => l.to)]);
    const at = i => [scenes[i].x, scenes[i].y];
    const shown = links.filter(l => visited.has(l.from));
    const name = i => (!known.has(i) ? "" : visited.has(i) ? scenes[i].place : "?");
    const places = scenes.map((s, i) => middle({...s, place: name(i)}));
    const way = l => [0.6, 0.4].map((share, k) => share * at(l.from)[k] + (1 - share) * at(l.to)[k]);
    const labels = [...[...known].map(i => [places[i], name(i)]), ...shown.map(l => [way(l), l.way])];
    open(shown.flatMap(l => cut(at(l.from), at(l.to), labels)));
    walked(path.slice(1).flatMap(i => cut(at(scenes[i].parent), at(i), labels)));
    dots([...known].map(at));
    here([at(scene)]);
    places.forEach(([x, y], i) => names[i](x, y - below, name(i)));
    links.forEach((l, i) => signs[i](way(l)[0], way(l)[1] - below, visited.has(l.from) ? l.way : ""));
    const read = path.map(i => scenes[i].text).join(". ");
    const ending = scenes[scene].ending;
    text(`${read}. ${ending}`.split(" "), [], [], "your way so far");
    return {read, ending};
  };
}
