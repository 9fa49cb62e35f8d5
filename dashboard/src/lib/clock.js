// The router's time: what the API tells is of its clock, which need not be
// the browser's.

const SAME = 2000;          // ms that an event may be on its way

let ahead = 0;

// iso: the time of an answer that has just come
export function setServerTime(iso) {
  const difference = Date.parse(iso) - Date.now();

  if (Number.isNaN(difference)) return;
  ahead = Math.abs(difference) < SAME ? 0 : difference;
}

// ms
export function serverNow() {
  return Date.now() + ahead;
}
