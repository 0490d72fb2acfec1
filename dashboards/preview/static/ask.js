// One question to this page's own server. An error's message is a line for people.

export async function ask(path, parameters = new URLSearchParams()) {
  const query = parameters.toString();
  let response;
  try {
    response = await fetch(query ? `${path}?${query}` : path);
  } catch {
    throw new Error(
      "this page's own server does not answer: is `python -m dashboards preview` still running?",
    );
  }
  const told = await response.json().catch(() => ({ error: `status ${response.status}` }));
  if (!response.ok) throw new Error(told.error || `status ${response.status}`);
  return told;
}
