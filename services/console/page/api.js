// Requests to this origin. The session is a cookie that no script can read; only its csrf is known here.

export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const LONGEST_MS = 8000;
let csrf = "";

async function ask(path, options = {}) {
  const answer = await fetch(path, {
    cache: "no-store",
    credentials: "same-origin",
    signal: AbortSignal.timeout(LONGEST_MS),
    ...options,
  });
  const body = answer.status === 204 ? null : await answer.json().catch(() => null);
  if (!answer.ok) throw new Refused(answer.status, body?.detail ?? `the console answered ${answer.status}`);
  return body;
}

function remember(session) {
  csrf = session.csrf;
  return session;
}

export const session = async () => remember(await ask("/v1/session"));

export const signIn = async (token) =>
  remember(await ask("/v1/session", { method: "POST", headers: { Authorization: `Bearer ${token}` } }));

export const signOut = () => ask("/v1/session", { method: "DELETE", headers: { "X-CSRF-Token": csrf } });

export const cities = async () => (await ask("/v1/cities")).cities;

export const cityNow = (city) => ask(`/v1/city-now?city=${encodeURIComponent(city)}`);

export const surgeMap = (city) => ask(`/v1/city-now/map?city=${encodeURIComponent(city)}`);
