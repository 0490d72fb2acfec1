// One question to this page's own server. An error's message is a line for people.

const AGAIN_MS = 500;

// A connection may be closed just as it is used again, or by a server that is busy: one more try tells that apart from
// a server that is gone. Every question only reads.
async function answer(url) {
  try {
    return await fetch(url);
  } catch {
    await new Promise((done) => setTimeout(done, AGAIN_MS));
    return fetch(url);
  }
}

export async function ask(path, parameters = new URLSearchParams()) {
  const query = parameters.toString();
  let response;
  try {
    response = await answer(query ? `${path}?${query}` : path);
  } catch {
    throw new Error(
      "this page's own server does not answer: is `python -m dashboards preview` still running?",
    );
  }
  const told = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new Error(told.error || `status ${response.status}`);
  return told;
}
