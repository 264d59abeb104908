// The ELBO in a world of one number: x = f(z) + noise. The reader moves x, the approximate
// posterior q and the decoder's parameter.
({panel, range, palettes}) => {
  const z = range(-8, 8, 801);
  const dz = z[1] - z[0];
  const NOISE = 0.5;
  const logNormal = (v, mean, sigma) =>
    -0.5 * Math.log(2 * Math.PI * sigma ** 2) - (v - mean) ** 2 / (2 * sigma ** 2);
  const f = (at, bend) => (1 - bend) * at + bend * (at ** 2 - 1);
  const logLikelihood = (x, bend) => z.map(at => logNormal(x, f(at, bend), NOISE));
  const logPrior = z.map(at => logNormal(at, 0, 1));
  const sum = values => values.reduce((a, b) => a + b, 0);
  const logSum = values => {
    const most = Math.max(...values);
    return most + Math.log(sum(values.map(v => Math.exp(v - most))));
  };
  // evidence, reconstruction, KL to the prior and KL to the posterior
  const parts = (likelihood, mean, sigma) => {
    const logQ = z.map(at => logNormal(at, mean, sigma));
    const q = logQ.map(Math.exp);
    const total = sum(q);
    const evidence = logSum(likelihood.map((l, i) => l + logPrior[i])) + Math.log(dz);
    const reconstruction = sum(q.map((v, i) => v * likelihood[i])) / total;
    const kl = sum(q.map((v, i) => v / total * (logQ[i] - Math.log(total * dz) - logPrior[i])));
    return {evidence, reconstruction, kl, gap: evidence - reconstruction + kl};
  };

  const world = panel({x: [-3, 3], y: [-3, 4], xlabel: "latent z", ylabel: "x",
    title: "the decoder f(z), and the observed x"});
  const decoder = world.line({color: "muted"});
  const observed = world.rule({color: "data"});
  const posteriorBand = [world.rule({color: "data", width: 1}), world.rule({color: "data", width: 1})];
  world.drag((_, x) => ({x}));

  const latents = panel({x: [-3, 3], y: [0, 1.6], xlabel: "latent z", ylabel: "density",
    title: "prior (dotted), posterior, your q (dashed)"});
  latents.line({color: "muted", dash: "2 4"})(at => Math.exp(logNormal(at, 0, 1)));
  const posterior = latents.area({color: "data"});
  const q = latents.line({color: "model", dash: "7 4"});
  latents.drag(mean => ({mean}));

  const bounds = panel({x: [0, 1], y: [-6, 0], xlabel: "bend, the decoder's parameter",
    ylabel: "nats", title: "log p(x) and, for your q, the ELBO (dashed)"});
  const evidenceLine = bounds.line({color: "data"});
  const elboLine = bounds.line({color: "model", dash: "7 4"});
  const [onEvidence, onElbo] = [bounds.dots({color: "data", size: 6}), bounds.dots({color: "model", size: 6})];
  bounds.drag(bend => ({bend}));

  const all = panel({x: [-2.125, 2.125], y: [0.033, 1.567], xlabel: "mean of q", ylabel: "standard deviation of q",
    title: "the ELBO of every q; brighter is higher"});
  const heat = all.heat(palettes.cividis);
  const dot = all.handle();
  all.drag((mean, sigma) => ({mean, sigma}));

  let known = "";
  const landscape = (x, bend, likelihood) => {
    if (known === `${x} ${bend}`) return;
    known = `${x} ${bend}`;
    const levels = [0.03, 0.1, 0.3, 0.6, 1, 2, 4];
    const coarse = z.map((_, i) => i).filter(i => i % 8 === 0 && Math.abs(z[i]) <= 5);
    const joint = coarse.map(i => likelihood[i] + logPrior[i]);
    const gap = (mean, sigma) => {
      const weights = coarse.map(i => Math.exp(-0.5 * ((z[i] - mean) / sigma) ** 2));
      const total = sum(weights);
      return -sum(weights.map((w, i) => w * joint[i])) / total
        - 0.5 * Math.log(2 * Math.PI * Math.E * sigma ** 2);
    };
    const gaps = range(0.033, 1.567, 24).map(sigma =>
      range(-2.125, 2.125, 35).map(mean => gap(mean, Math.max(0.1, sigma))));
    const evidence = logSum(likelihood.map((l, i) => l + logPrior[i])) + Math.log(dz);
    heat(gaps.map(row => row.map(g =>
      levels.filter(level => g + evidence < level).length / levels.length)));
  };

  return ({x, mean, sigma, bend}) => {
    const likelihood = logLikelihood(x, bend);
    const now = parts(likelihood, mean, sigma);
    const inBand = z.map((at, i) => [at, Math.exp(likelihood[i] + logPrior[i] - now.evidence)]);
    decoder(at => f(at, bend));
    observed({y: x});
    posteriorBand.forEach((line, i) => line({y: x + (i ? NOISE : -NOISE)}));
    posterior(inBand);
    q(at => Math.exp(logNormal(at, mean, sigma)));
    const curve = range(0, 1, 21).map(b => [b, parts(logLikelihood(x, b), mean, sigma)]);
    evidenceLine(curve.map(([b, p]) => [b, p.evidence]));
    elboLine(curve.map(([b, p]) => [b, p.reconstruction - p.kl]));
    onEvidence([[bend, now.evidence]]);
    onElbo([[bend, now.reconstruction - now.kl]]);
    landscape(x, bend, likelihood);
    dot(mean, sigma);
    // both sums in the sentence hold in the digits shown
    const elbo = now.reconstruction - now.kl;
    const [a, b, c] = [now.evidence, now.reconstruction, elbo].map(v => Math.round(100 * v) / 100);
    return {...now, elbo, kl_shown: b - c, gap_shown: a - c};
  };
}
