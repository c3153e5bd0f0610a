// A scanner that types: keys faster than any hand, then Enter. It works wherever the focus is, and leaves no digits behind.

const GAP_MS = 60;
const SHORTEST = 6;

export function listen(onCode) {
  let code = "", last = 0, field = null, before = "";
  document.addEventListener("keydown", (event) => {
    const now = event.timeStamp;
    if (event.key === "Enter") {
      const read = code;
      code = "";
      if (read.length < SHORTEST || now - last > 2 * GAP_MS) return;
      event.preventDefault();
      event.stopPropagation();
      if (field) {
        field.value = before;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }
      onCode(read);
      return;
    }
    if (event.key === "Shift") return;
    if (event.key.length !== 1 || event.ctrlKey || event.altKey || event.metaKey) {
      code = "";
      return;
    }
    if (!code || now - last > GAP_MS) {
      code = "";
      field = document.activeElement?.matches("input, textarea") ? document.activeElement : null;
      before = field ? field.value : "";
    }
    code += event.key;
    last = now;
  }, true);
}
