// A branching story as a map: places show once they were visited, others next to them as a question
// mark. A click on a scene goes there; beside it, what has been read on the way.
({data, panel, words}) => {
  const {scenes, title, deepest} = data;
  const map = panel({x: [0, 1], y: [-deepest - 0.4, 0.4], ticksX: [], ticksY: [], title});
  const links = scenes.flatMap((scene, from) => scene.ways.map(([way, to]) => ({from, way, to})));
  const open = map.lines({color: "muted"});
  const walked = map.lines({color: "model", width: 4});
  const dots = map.dots({color: "muted", size: 5});
  const here = map.dots({color: "model", size: 8});
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
    open(shown.map(l => [at(l.from), at(l.to)]));
    walked(path.slice(1).map(i => [at(scenes[i].parent), at(i)]));
    dots([...known].map(at));
    here([at(scene)]);
    scenes.forEach((s, i) => names[i](s.x, s.y + 0.16,
      known.has(i) ? (visited.has(i) ? s.place : "?") : ""));
    links.forEach((l, i) => signs[i](0.6 * scenes[l.from].x + 0.4 * scenes[l.to].x,
      0.6 * scenes[l.from].y + 0.4 * scenes[l.to].y, visited.has(l.from) ? l.way : ""));
    const read = path.map(i => scenes[i].text).join(". ");
    const ending = scenes[scene].ending;
    text(`${read}. ${ending}`.split(" "), [], [], "your way so far");
    return {read, ending};
  };
}
