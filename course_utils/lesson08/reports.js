// Reports on one match by several writers, whose names are hidden. Once the facts are shown, so are
// the names: right facts are shaded, false ones crossed out.
({data, words, state}) => {
  const facts = words({title: "facts of the match"});
  const blocks = data[0].reports.map(() => words({}));

  // another match begins with its facts hidden
  let number = state.match;
  Object.defineProperty(state, "match", {enumerable: true, get: () => number, set(next) {
    if (next !== number) state.check = false;
    number = next;
  }});

  return ({match, check}) => {
    const {box, reports, said} = data[match - 1];
    facts(check ? box : ["hidden"], [], check ? [] : ["later"]);
    reports.forEach(({name, words, marks}, i) => blocks[i](words,
      check ? marks.map(mark => (mark > 0 ? 0.35 : 0)) : [],
      check ? marks.map(mark => (mark < 0 ? "wrong" : "")) : [],
      `report ${"ABCDEF"[i]}${check ? `, by the ${name}` : ""}`));
    const wrong = reports.flatMap(report => report.marks).filter(mark => mark < 0).length;
    return {said: said[+check], wrong: check ? wrong : 0};
  };
}
