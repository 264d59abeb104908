// A document under the pointer: the darker a word, the more the chosen head looks at it while the
// model predicts the framed word; below, what two models expect there.
({data, words, panel, set}) => {
  const {tokens, names} = data;
  let kept = false; // a click keeps the word, so that the pointer can leave it
  const text = words({pick: i => (i && !kept ? {word: i} : {})});
  const T = tokens.length;
  const guesses = panel({x: [0, 1], y: [-0.5, 9.5], xlabel: "probability of the next word", ticksY: [],
    title: `${names[0]} (filled), ${names[1]} (outlined)`});
  const bars = names.map((_, k) => guesses.rows({color: k ? "model" : "data", hollow: k === 1}));
  const labels = Array.from({length: 10}, () => guesses.text());

  const list = guesses.svg.parentNode.querySelector(".words");
  list.addEventListener("pointerdown", ({target}) => {
    const at = [...target.parentNode.children].indexOf(target);
    if (!target.matches("span") || at < 1) return;
    kept = !(kept && target.matches(".here"));
    set({word: at});
  });

  return ({word, head}) => {
    const weights = data.looks[head][word - 1].slice(0, word).map(v => v / 255);
    const most = Math.max(...weights);
    text(tokens, weights.map(v => v / most),
      tokens.map((_, i) => (i === word ? "here" : i > word ? "later" : "")),
      `head ${head}, before “${tokens[word]}”; ${kept ? "click it to let go" : "click a word to keep it"}`);
    const rows = data.guesses[word - 1];  // [token, p of the first model, p of the second]
    rows.forEach(([token, ...p], i) => {
      bars.forEach((bar, k) => bar(i, 9 - i, p[k]));
      const end = Math.max(...p);
      labels[i](end > 0.75 ? 0.02 : 0.02 + end, 8.85 - i, token);  // a long bar holds its word
    });
    const top = weights.map((v, i) => [v, i]).sort((a, b) => b[0] - a[0])[0][1];
    return {looked: tokens[top], true_word: tokens[word], first: data.hits[word - 1][0],
      second: data.hits[word - 1][1]};
  };
}
