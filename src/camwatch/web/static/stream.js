// Server-sent events, read by hand: EventSource hides the comments by which the server says that it is there,
// and never tells that a session has ended. This reader reports every sign of life, resumes by the last id,
// and comes back after a pause that grows; after the one that the server asks for where that is longer.

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15000;

/**
 * Follow a stream for as long as the page lives.
 * @param {string} url
 * @param {{begun: () => void, life: () => void, event: (name: string, data: string) => void, refused: (status: number) => void}} told
 */
export async function follow(url, told) {
  let pause = FIRST_PAUSE_MS;
  let lastId = "";
  for (;;) {
    let asked = 0;
    const leave = new AbortController();
    const watch = setInterval(() => Date.now() - heard > 40000 && leave.abort(), 5000);
    let heard = Date.now();
    try {
      const headers = { accept: "text/event-stream", ...(lastId && { "last-event-id": lastId }) };
      const answer = await fetch(url, { headers, cache: "no-store", signal: leave.signal });
      if (!answer.ok || answer.redirected) {
        told.refused(answer.redirected ? 401 : answer.status);
      } else {
        pause = FIRST_PAUSE_MS;
        told.life();
        if (!lastId) told.begun();
        for await (const message of messages(answer.body, () => { heard = Date.now(); told.life(); })) {
          if (message.id) lastId = message.id;
          if (message.retry) asked = message.retry > LONGEST_PAUSE_MS ? message.retry : 0;
          if (message.data !== null) told.event(message.event, message.data);
        }
      }
    } catch {
      // The server is away, or the machine slept: try again.
    } finally {
      clearInterval(watch);
    }
    await new Promise((done) => setTimeout(done, Math.max(pause, asked) * (0.75 + Math.random() / 2)));
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function* messages(body, life) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    life();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) yield parsed(block);
  }
}

function parsed(block) {
  const message = { event: "message", id: "", data: null, retry: 0 };
  for (const line of block.split("\n")) {
    const [, field, value] = /^([a-z]+): ?(.*)$/.exec(line) ?? [];
    if (field === "data") message.data = message.data === null ? value : `${message.data}\n${value}`;
    else if (field === "event" || field === "id") message[field] = value;
    else if (field === "retry") message.retry = Number(value);
  }
  return message;
}
