// SPDX-License-Identifier: Apache-2.0

const $ = id => document.getElementById(id);
const about = {
  likes: 'Clients at every node like posts. The keyspace is eventual: every node takes every like at once, also when it is cut off, and all come to the same.',
  accounts: 'Clients at every node move money between accounts. The keyspace is strong: a node that is cut off refuses rather than show or do something that others do not know of.',
  both: 'Likes and transfers at once, on the same nodes, so that you see both answers to the same cut.',
  retry: 'A fifth of the replies is lost, so clients try again at the next node. Half of them send a request id along: theirs count once. The others count twice.',
};
const lab = {nodes: [], etcd: [], slots: [], number: 0};
const picture = new Picture($('picture'), choose);
const charts = new Charts($('charts'), $('legend'));

// -- What the lab tells

function connect() {
  const events = new EventSource('/events');
  events.onmessage = message => take(JSON.parse(message.data));
  events.onerror = () => notice('The lab does not answer. If it has ended, start it again: holdfast lab. This page connects by itself.');
}
function take(news) {
  if (news.all) begin(news);
  Object.assign(lab, {state: news});
  if (news.run && news.run.number !== lab.number) {
    lab.number = news.run.number;
    if (!news.all) lab.slots = [];
    charts.begin(news.run.scenes, lab.nodes);
    $('result').hidden = true;
  }
  if (!news.all) lab.slots.push(...news.slots);
  if (performance.now() > (lab.complainedUntil ?? 0)) notice(news.trouble || (lab.strong ? '' : lab.withoutStrong));
  picture.show(news, lab.nodes, lab.etcd);
  if (lab.slots.length && charts.scenes.length) charts.draw(lab.slots);
  if (news.result) showResult(news.result);
  showRun(news);
  if (picture.chosen) showPanel(picture.chosen);
}
function begin(all) {
  Object.assign(lab, {nodes: all.nodes, etcd: all.etcd, strong: all.strong, slots: all.slots, number: all.run ? all.run.number : 0,
    withoutStrong: 'There is no etcd here, so nodes share no strong keyspace: accounts cannot be played. Install it (Debian: apt install etcd-server) and start the lab again, or start it with --nodes 1.'});
  $('cluster').textContent = all.cluster;
  for (const scene of ['accounts', 'both']) document.querySelector(`[data-scene=${scene}]`).disabled = !all.strong;
  if (all.run) charts.begin(all.run.scenes, lab.nodes);
}
function notice(text) {
  if ($('notice').textContent !== text) $('notice').textContent = text;
  $('notice').hidden = !text;
}
/** What was asked could not be done: said for a while, since the next news would take its place. */
function complain(text) {
  lab.complainedUntil = performance.now() + 8000;
  notice(text);
}
function showRun(news) {
  const run = news.run;
  $('end').hidden = !run;
  for (const button of document.querySelectorAll('[data-scene]')) {
    button.disabled = Boolean(run) || (!lab.strong && ['accounts', 'both'].includes(button.dataset.scene));
  }
  $('mend').disabled = !news.broken.length;
  $('progress').hidden = !run;
  if (!run) return;
  $('progress').firstElementChild.style.width = `${Math.min(100, run.at_ms / run.of_ms * 100)}%`;
  const ended = run.at_ms > run.of_ms;
  say(ended ? 'The scene is over: what is broken is mended, what clients were not told is settled, and the nodes are compared …' : run.sentence,
    news.broken.length ? 'warn' : '');
  speak(() => $('verdict').textContent, `${run.number} ${ended} ${news.broken}`);
}
/** The words with the numbers of now: they change often, so they are not what is read aloud. */
function say(text, tone) {
  $('verdict').className = `verdict ${tone}`;
  if ($('verdict').textContent !== text) $('verdict').textContent = text;
}
/** Read aloud where a screen reader listens: once for each change of what is broken, when it has had an effect. */
function speak(text, about) {
  if (about === lab.spokenAbout) return;
  lab.spokenAbout = about;
  clearTimeout(lab.speaking);
  lab.speaking = setTimeout(() => { $('spoken').textContent = text(); }, 2000);
}
function showResult(result) {
  say(result.verdict, result.held ? 'good' : 'bad');
  speak(() => Object.values(result.loads).map(load => load.sentence).join('. '), `result ${lab.number}`);
  $('result').hidden = false;
  $('result-loads').replaceChildren(...Object.values(result.loads).map(load =>
    el('p', {}, el('strong', {}, load.held ? '✓ held: ' : '✕ broken: '), load.sentence)));
  const seconds = ms => (ms / 1000).toFixed(1);
  $('result-phases').replaceChildren(el('tr', {}, el('th', {scope: 'col'}, 'seconds'), el('th', {scope: 'col'}, 'what happened')),
    ...result.phases.map(phase => el('tr', {}, el('td', {class: 'time'}, `${seconds(phase.from_ms)} – ${seconds(phase.to_ms)}`), el('td', {}, phase.sentence))));
}

// -- What can be asked of it

async function ask(path, body) {
  try {
    const answer = await fetch(path, {method: 'POST', headers: {'Content-Type': 'application/json'}, body: JSON.stringify(body)});
    if (!answer.ok) complain((await answer.json()).error);
  } catch {
    notice('The lab does not answer. If it has ended, start it again: holdfast lab.');
  }
}
function play(scene) {
  const rate = Math.max(1, Number($('rate').value) || 300);
  const scenario = {scene, rate: scene === 'retry' ? Math.min(rate, 100) : rate};
  if (!$('by-script').checked) Object.assign(scenario, {seconds: 600, actions: scene === 'retry' ? [{at: '1s', lose_replies: 'clients', share: .2}] : []});
  $('about').textContent = about[scene];
  ask('/play', scenario);
}
function choose(name) {
  lab.panel = '';
  showPanel(name);
  $('panel-title').focus();
}
function actionsOf(name) {
  const link = lab.state.links.find(one => one.name === name);
  if (link) {
    const clients = link.first === 'clients', {first, second} = link, one = [
      ['Cut', {cut: name}, 'danger'], [`Cut what ${first} sends`, {cut: `${first}>${second}`}, 'danger'],
      [`Cut what ${second} sends`, {cut: `${second}>${first}`}, 'danger'], ['Slow by 100 ms', {delay: name, by: '100ms', jitter: '20ms'}],
      ['Slow by 1 s', {delay: name, by: '1s'}], ['Lose 10%', {lose: name, share: .1}]];
    if (clients) one.push(['Lose 20% of replies', {lose_replies: name, share: .2}]);
    return [...one, ['Heal', {heal: name}]];
  }
  const state = lab.state.processes[name];
  if (state === 'killed') return [['Start', {start: name}]];
  return [state === 'paused' ? ['Resume', {resume: name}] : ['Pause', {pause: name}, 'danger'], ['Kill (-9)', {kill: name}, 'danger'],
    ['Cut off from all others', {cut: name}, 'danger'], ['Heal its links', {heal: name}]];
}
function showPanel(name) {
  const link = lab.state.links.find(one => one.name === name), state = lab.state.processes[name];
  const words = link ? `${linkTrouble(link).join(', ') || 'whole'}; ${picture.rateText(link)}` : state;
  $('panel').hidden = false;
  $('panel-state').textContent = words;
  if (lab.panel === `${name} ${state}`) return;  // its buttons stay, and the focus with them
  lab.panel = `${name} ${state}`;
  $('panel-title').textContent = link ? `link ${name}` : name;
  const had = $('panel-actions').contains(document.activeElement);
  $('panel-actions').replaceChildren(...actionsOf(name).map(([title, action, kind]) =>
    el('button', {class: kind ?? '', onclick: () => ask('/act', action)}, title)));
  if (had) $('panel-actions').firstElementChild.focus();
}
async function mendAll() {
  const states = Object.entries(lab.state.processes);
  await ask('/act', {heal: 'all'});
  for (const [name, state] of states) {
    if (state === 'paused') await ask('/act', {resume: name});
    if (state === 'killed') await ask('/act', {start: name});
  }
}

for (const button of document.querySelectorAll('[data-scene]')) {
  const scene = button.dataset.scene;
  button.addEventListener('click', () => play(scene));
  for (const event of ['focus', 'mouseenter']) button.addEventListener(event, () => { $('about').textContent = about[scene]; });
}
$('end').addEventListener('click', () => ask('/end', {}));
$('mend').addEventListener('click', mendAll);
connect();
