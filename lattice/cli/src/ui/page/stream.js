// What the program tells, for as long as both live. When it is gone, it is looked for until it is back.

const AGAIN_MS = 1500;
const WORDS = ["kept", "overview", "happened", "missed", "trouble", "traces"];

export class Stream {
  // `hear` has a function for each word, and `connected(is)`.
  constructor(hear) {
    this.hear = hear;
    this.open();
  }

  open() {
    const source = new EventSource("api/stream");
    source.onopen = () => this.hear.connected(true);
    source.onerror = () => {
      this.hear.connected(false);
      // A browser gives up when it is refused. We do not: the program may have been started anew.
      source.close();
      setTimeout(() => this.open(), AGAIN_MS);
    };
    for (const word of WORDS) {
      source.addEventListener(word, (event) => this.hear[word](JSON.parse(event.data)));
    }
  }
}
