// What a user writes, once there is a short pause: long lists are not filtered
// at each letter.

import { useEffect, useState } from "preact/hooks";

export function useDeferred(value, ms = 120) {
  const [late, setLate] = useState(value);

  useEffect(() => {
    const timer = setTimeout(() => setLate(value), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);

  return late;
}
