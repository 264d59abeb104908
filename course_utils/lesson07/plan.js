// A floor plan that the reader repairs by hand: walls move, cells change their kind, and each time
// every rule of the lesson is asked again. Cells are one list, on a sheet with a margin of outside.
({data, panel, words, set}) => {
  const {kinds, minArea, groups, house, tools} = data;
  const [CELL, ROWS, COLUMNS, ROW] = [0.5, 26, 30, 32];
  const [OUTSIDE, WALL, DOOR, LIVING, HALL, BEDROOM] = [0, 1, 2, 3, 6, 7];
  const BESIDE = [-ROW, ROW, -1, 1];
  const PAINTS = [null, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]; // by the number of the tool
  const TINTS = {3: "#E69F00", 4: "#F0E442", 5: "#56B4E9", 6: "#999999", 7: "#009E73", 8: "#CC79A7",
    9: "#0072B2"};
  const ROOMS = Object.keys(TINTS).map(Number);
  const place = (row, column) => (row + 1) * ROW + column + 1;
  const rowOf = i => Math.floor(i / ROW) - 1;
  const columnOf = i => i % ROW - 1;
  const read = text => {
    const cells = new Uint8Array(ROW * (ROWS + 2));
    [...text].forEach((kind, k) => { cells[place(Math.floor(k / COLUMNS), k % COLUMNS)] = +kind; });
    return cells;
  };
  const written = cells => Array.from({length: ROWS},
    (_, row) => cells.subarray(place(row, 0), place(row, COLUMNS)).join("")).join("");
  const where = (cells, holds) => [...cells.keys()].filter(i => holds(cells[i], i));
  const isWall = kind => kind === WALL || kind === DOOR;
  const isFloor = kind => kind === OUTSIDE || kind >= LIVING;

  // ---- what the rules need ----

  // the connected pieces of those cells that hold, each a list of cells
  function pieces(cells, holds) {
    const [seen, list] = [new Uint8Array(cells.length), []];
    for (const start of where(cells, holds)) {
      if (seen[start]) continue;
      const piece = [start];
      seen[start] = 1;
      for (const i of piece) {
        for (const j of BESIDE.map(step => i + step)) {
          if (!(j in cells) || seen[j] || !holds(cells[j])) continue;
          seen[j] = 1;
          piece.push(j);
        }
      }
      list.push(piece);
    }
    return list;
  }

  const largest = list => list.reduce((a, b) => (b.length > a.length ? b : a));

  // the largest square of a room, the one nearest to the room's middle: its side and its center
  function widest(cells, kind, cellsOfRoom) {
    const mean = of => cellsOfRoom.reduce((sum, i) => sum + of(i), 0) / cellsOfRoom.length;
    const [row, column] = [mean(rowOf), mean(columnOf)];
    const sides = new Uint8Array(cells.length); // of the largest square whose last corner is here
    let best = {side: 0, far: 0};
    for (const i of cellsOfRoom.sort((a, b) => a - b)) {
      const side = 1 + Math.min(sides[i - 1], sides[i - ROW], sides[i - ROW - 1]);
      sides[i] = side;
      const [y, x] = [rowOf(i) - (side - 1) / 2, columnOf(i) - (side - 1) / 2];
      const far = Math.hypot(y - row, x - column);
      if (side > best.side || (side === best.side && far < best.far)) best = {side, far, x, y};
    }
    return best;
  }

  // how many cells of wall in a straight line have the room on one side, outside on the other
  function outerWall(cells, kind) {
    let longest = 0;
    for (const inward of BESIDE) {
      const along = Math.abs(inward) === 1 ? ROW : 1;
      const fits = i => cells[i] === WALL && cells[i + inward] === kind && cells[i - inward] === OUTSIDE;
      for (const start of where(cells, (_, i) => fits(i) && !fits(i - along))) {
        let length = 1;
        while (fits(start + length * along)) length++;
        longest = Math.max(longest, length);
      }
    }
    return longest;
  }

  // the rooms, the cells to mark, and for each rule what is wrong, in words
  function judged(cells, brief) {
    const rooms = ROOMS.map(kind => ({kind, name: kinds[kind], parts: pieces(cells, k => k === kind)}))
      .filter(room => room.parts.length);
    for (const room of rooms) {
      room.area = room.parts.flat().length * CELL ** 2;
      room.square = widest(cells, room.kind, room.parts.flat());
    }
    const there = rooms.map(room => room.kind);
    const missing = ROOMS.filter(kind => kind <= BEDROOM && !there.includes(kind));
    const torn = rooms.filter(room => room.parts.length > 1);
    const strays = torn.flatMap(room => room.parts.filter(part => part !== largest(room.parts)).flat());
    const small = rooms.filter(room => room.area < minArea[room.kind]);
    const atEdge = i => BESIDE.some(step => cells[i + step] === OUTSIDE);
    const open = where(cells, (kind, i) => kind >= LIVING && atEdge(i));
    const blind = where(cells, (kind, i) => kind === DOOR
      && ![1, ROW].some(step => isFloor(cells[i - step]) && isFloor(cells[i + step])));
    const [, ...cut] = pieces(cells, kind => kind !== WALL);

    const inHouse = i => rowOf(i) >= 1 && rowOf(i) <= house.depth
      && columnOf(i) >= 1 && columnOf(i) <= house.width;
    const off = where(cells, (kind, i) => (kind === OUTSIDE) === inHouse(i));
    const bedrooms = there.filter(kind => kind >= BEDROOM);
    const living = where(cells, kind => kind === LIVING);
    const mean = living.reduce((sum, i) => sum + rowOf(i), 0) / living.length;
    const side = mean < (house.depth + 1) / 2 ? "north" : "south";
    const front = where(cells, (kind, i) => kind === DOOR && atEdge(i));
    const entrance = brief.entrance === "west" ? 1 : house.width;

    const lived = rooms.filter(room => data.habitable.includes(room.kind));
    const dark = lived.filter(room => outerWall(cells, room.kind) < data.glass);
    const narrow = lived.filter(room => room.square.side < data.clear);
    const ontoHall = kind => where(cells, of => of === DOOR).some(i => BESIDE.some(step =>
      cells[i + step] === HALL && cells[i - step] === kind));
    const away = rooms.filter(room => room.kind !== HALL && !ontoHall(room.kind));
    const list = words => words.join(", ");
    const many = (found, one, more) =>
      (found.length ? `${found.length} ${found.length === 1 ? one : more}` : "");
    return {
      rooms,
      marked: [...new Set([...strays, ...open, ...blind, ...cut.flat(), ...off])],
      wrong: {
        rooms: list([...missing.map(kind => `no ${kinds[kind]}`),
          ...torn.map(room => `${room.name} in ${room.parts.length} pieces`)]),
        areas: list(small.map(room => `${room.name} ${room.area} of ${minArea[room.kind]} m²`)),
        closed: many(open, "cell beside outside", "cells beside outside"),
        doors: many(blind, "cell leads nowhere", "cells lead nowhere"),
        reachable: many(cut, "part cut off", "parts cut off"),
        outline: many(off, "cell off", "cells off"),
        bedrooms: bedrooms.length === brief.bedrooms && bedrooms.every(k => k < BEDROOM + brief.bedrooms)
          ? "" : list(bedrooms.map(kind => kinds[kind])) || "none",
        living: !living.length ? "none" : side === brief.living ? "" : side,
        entrance: !front.length ? "none"
          : front.every(i => columnOf(i) === entrance) ? "" : `not ${brief.entrance}`,
        daylight: list(dark.map(room => room.name)),
        width: list(narrow.map(room => room.name)),
        hall: there.includes(HALL) ? list(away.map(room => room.name)) : "none",
      },
    };
  }

  // ---- edits ----

  // the straight wall through a cell, moved sideways with its doors; behind it, what was there grows
  function withWallMoved(cells, at, down, right) {
    const [next, reach] = [cells.slice(), step => {
      let n = 0;
      while (isWall(cells[at + (n + 1) * step])) n++;
      return n;
    }];
    if (!isWall(cells[at])) return next;
    const flat = reach(1) + reach(-1) >= reach(ROW) + reach(-ROW);
    const [along, by] = flat ? [1, down] : [ROW, right];
    const across = Math.sign(by) * (flat ? ROW : 1);
    let line = Array.from({length: reach(-along) + 1 + reach(along)},
      (_, k) => at + (k - reach(-along)) * along);
    for (let k = 0; k < Math.abs(by); k++) {
      const [row, column] = [rowOf(line[0] + across), columnOf(line[0] + across)];
      if (row < 0 || row >= ROWS || column < 0 || column >= COLUMNS) break;
      for (const i of line) {
        const [behind, front] = [next[i - across], next[i + across]];
        if (isWall(behind) && isWall(front)) continue; // another wall crosses here
        next[i + across] = next[i];
        next[i] = isWall(behind) ? WALL : behind;
      }
      line = line.map(i => i + across);
    }
    return next;
  }

  let [shown, tool] = [null, 0];
  let hold = null; // while something is held: the plan, where it was pressed, the wall there
  const cursor = {row: 12, column: 14};
  const moveTo = (row, column) => {
    const from = {...cursor};
    cursor.row = Math.min(ROWS - 1, Math.max(0, row));
    cursor.column = Math.min(COLUMNS - 1, Math.max(0, column));
    if (!hold) return {};
    if (tool === 0) {
      const [down, right] = [cursor.row - hold.row, cursor.column - hold.column];
      const text = written(withWallMoved(hold.cells, hold.wall, down, right));
      hold.moved ||= text !== written(hold.cells);
      return hold.moved ? {cells: text, shown: 2} : {};
    }
    const steps = Math.max(1, Math.abs(cursor.row - from.row), Math.abs(cursor.column - from.column));
    for (let k = 0; k <= steps; k++) { // a fast pointer skips cells
      const between = name => Math.round(from[name] + (cursor[name] - from[name]) * k / steps);
      hold.cells[place(between("row"), between("column"))] = PAINTS[tool];
    }
    return {cells: written(hold.cells), shown: 2};
  };
  const press = (row, column) => {
    Object.assign(cursor, {row, column});
    const near = [0, ...BESIDE].map(step => place(row, column) + step); // fingers are wide
    hold = {row, column, cells: shown.slice(), wall: near.find(i => isWall(shown[i]))};
    return moveTo(row, column);
  };

  const sheet = panel({x: [0, COLUMNS * CELL], y: [ROWS * CELL, 0], ticksX: [0, 5, 10, 15],
    ticksY: [0, 5, 10], xlabel: "meters, areas in square meters; north is up", height: 400});
  const floors = {};
  for (const kind of ROOMS) floors[kind] = sheet.lines({color: TINTS[kind], fill: true, opacity: 0.4});
  const walls = sheet.lines({color: "currentColor", fill: true, opacity: 0.85});
  const doors = sheet.lines({color: "muted", width: 1.5});
  const crosses = sheet.lines({color: "model", width: 2});
  const labels = {};
  for (const kind of ROOMS) labels[kind] = [1, 2].map(() => sheet.text({anchor: "middle"}));
  const here = sheet.lines({color: "currentColor", width: 2.5});
  const lists = Object.keys(groups).map(title => words({title, stack: true}));

  sheet.drag((x, y, pressed) => {
    const beyond = x <= 0 || x >= COLUMNS * CELL || y <= 0 || y >= ROWS * CELL;
    if (pressed && beyond) return {}; // a click that is meant for the keyboard
    const row = Math.min(ROWS - 1, Math.floor(y / CELL));
    const column = Math.min(COLUMNS - 1, Math.floor(x / CELL));
    return pressed ? press(row, column) : moveTo(row, column);
  }, true);
  sheet.svg.addEventListener("lostpointercapture", () => {
    hold = null;
    set({});
  });
  for (const type of ["focus", "blur"]) sheet.svg.addEventListener(type, () => set({}));
  sheet.svg.tabIndex = 0; // arrows move the cursor, the space bar takes hold and lets go
  sheet.svg.addEventListener("keydown", event => {
    const arrows = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]};
    const [down, right] = arrows[event.key] || [0, 0];
    if (event.key === " " && hold) hold = null;
    else if (event.key === " ") set(press(cursor.row, cursor.column));
    else if (down || right) set(moveTo(cursor.row + down, cursor.column + right));
    else return;
    set({});
    event.preventDefault();
  });

  const box = (row, column, width = 1) => {
    const [x0, x1, y0, y1] = [column, column + width, row, row + 1].map(v => v * CELL);
    return [[x0, y0], [x1, y0], [x1, y1], [x0, y1], [x0, y0]];
  };
  // one box for cells side by side
  const boxes = (cells, holds) => {
    const runs = [];
    for (const i of where(cells, holds)) {
      if (runs.at(-1)?.end === i) runs.at(-1).end++;
      else runs.push({start: i, end: i + 1});
    }
    return runs.map(({start, end}) => box(rowOf(start), columnOf(start), end - start));
  };

  let last = {};
  return state => {
    const same = names => names.every(name => state[name] === last[name]);
    const asked = ["bedrooms", "living", "entrance", "variant"];
    if (last.shown === 2 && same(["shown", "cells"]) && !same(asked)) state.shown = 0; // another plan
    last = {...state};
    const {bedrooms, living, entrance, variant} = state;
    const [raw, repaired] = data.plans[[bedrooms, living, entrance, variant].join("")];
    const text = [raw, repaired, state.cells || raw][state.shown];
    const brief = {bedrooms: data.choices[0][bedrooms], living: data.choices[1][living],
      entrance: data.choices[2][entrance]};
    [shown, tool] = [read(text), state.tool];
    const {rooms, marked, wrong} = judged(shown, brief);

    for (const kind of ROOMS) {
      floors[kind](boxes(shown, k => k === kind));
      const room = rooms.find(one => one.kind === kind);
      const {side, x, y} = room ? room.square : {side: 0, x: 0, y: 0};
      const said = [kinds[kind].replace("bedroom", "bed"), room?.area.toFixed(1)];
      labels[kind].forEach((label, i) => {
        label((x + 0.5) * CELL, (y + 0.5) * CELL + 0.6 * i - 0.1, side >= 3 ? said[i] : "");
      });
    }
    walls(boxes(shown, kind => kind === WALL));
    doors(boxes(shown, kind => kind === DOOR));
    crosses(marked.flatMap(i => {
      const [a, b, c, d] = box(rowOf(i), columnOf(i));
      return [[a, c], [b, d]];
    }));
    const focused = document.activeElement === sheet.svg;
    here(focused ? [box(cursor.row, cursor.column)] : []);
    sheet.title(hold && tool === 0 ? "holding a wall" : tools[tool]);
    Object.entries(groups).forEach(([title, rules], i) => {
      const broken = rules.filter(rule => wrong[rule]);
      lists[i](rules.map(rule => (wrong[rule] ? `✗ ${rule}: ${wrong[rule]}` : `✓ ${rule}`)), [],
        rules.map(rule => (wrong[rule] ? "here" : "")),
        `${title}: ${rules.length - broken.length} of ${rules.length}`);
    });

    const differ = (a, b) => [...a].filter((kind, k) => kind !== b[k]).length;
    const broken = Object.keys(wrong).filter(rule => wrong[rule]);
    return {
      ...Object.fromEntries(Object.keys(wrong).map(rule => [rule, !wrong[rule]])),
      ...Object.fromEntries(ROOMS.map(kind =>
        [`area_${kind}`, rooms.find(room => room.kind === kind)?.area || 0])),
      kept: 12 - broken.length,
      broken: broken.join(", ") || "nothing",
      changed: differ(text, raw),
      by_repair: differ(repaired, raw),
      asked: `${brief.bedrooms} ${brief.bedrooms === 1 ? "bedroom" : "bedrooms"}, living room`
        + ` ${brief.living}, front door ${brief.entrance}`,
      how: data.shown[state.shown],
      pointed: focused ? ` At the cursor: ${kinds[shown[place(cursor.row, cursor.column)]]}.` : "",
      cells: text,
    };
  };
}
