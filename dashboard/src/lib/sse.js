// A parser of server-sent events that takes any split: push() gives the data
// of each event that is complete.

export function sseParser() {
  let rest = "";
  let data = [];

  return {
    push(text) {
      const lines = (rest + text).split("\n");
      const events = [];

      rest = lines.pop();
      for (const line of lines) take(line.replace(/\r$/, ""), events);
      return events;
    },
  };

  function take(line, events) {
    if (line === "") {
      if (data.length) events.push(data.join("\n"));
      data = [];
    } else if (line.startsWith("data:")) {
      data.push(line.slice(line[5] === " " ? 6 : 5));
    }
  }
}
